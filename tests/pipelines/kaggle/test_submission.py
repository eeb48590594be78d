import csv

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import UserError
from pipelines.kaggle.completion import complete
from pipelines.kaggle.submission import check_ids, in_sample_order, read_sample_ids, rows_of, write_submission

PRIOR = (0.4, 0.4, 0.2)


def written(path):
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return rows[0], [row[0] for row in rows[1:]], np.array([row[1:] for row in rows[1:]], dtype=np.float64)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_file_has_the_samples_ids_in_its_order_and_sums_of_one(tmp_path, data):
    names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5)
    ids = data.draw(st.lists(names, unique=True, min_size=1, max_size=8))
    table_ids = data.draw(st.permutations(data.draw(st.lists(st.sampled_from(ids), unique=True)) + ["\0other"]))
    raw = data.draw(
        st.lists(
            st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda row: sum(row) > 1e-3),
            min_size=len(table_ids),
            max_size=len(table_ids),
        )
    )
    probabilities = np.array(raw) / np.array(raw).sum(axis=1, keepdims=True)
    filled = write_submission(tmp_path / "s.csv", ids, table_ids, probabilities, PRIOR)
    header, names_written, cells = written(tmp_path / "s.csv")
    assert header == ["id", "winner_model_a", "winner_model_b", "winner_tie"]
    assert names_written == ids
    assert filled == [name for name in ids if name not in table_ids]
    assert np.abs(cells.sum(axis=1) - 1).max() < 1e-12
    for name, row in zip(ids, cells, strict=True):
        wanted = PRIOR if name in filled else probabilities[table_ids.index(name)]
        np.testing.assert_allclose(row, wanted, atol=1e-12)
    if all(map(str.strip, ids)):
        assert read_sample_ids(tmp_path / "s.csv") == ids


def test_probabilities_of_a_float32_softmax_sum_to_one_in_the_file(tmp_path):
    probabilities = np.array([[0.7, 0.2, 0.1]], dtype=np.float32)
    write_submission(tmp_path / "s.csv", ["1"], ["1"], probabilities.astype(np.float64))
    assert written(tmp_path / "s.csv")[2].sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    "row", [[np.nan, 0.5, 0.5], [0.5, 0.5, 0.5], [1.5, -0.5, 0.0], [0.0, 0.0, 0.0], [np.inf, 0.0, 0.0]]
)
def test_what_is_no_probability_is_never_written(tmp_path, row):
    (tmp_path / "s.csv").write_text("old", encoding="utf-8")
    with pytest.raises(ValueError, match="probabilities of id 2"):
        write_submission(tmp_path / "s.csv", ["1", "2"], ["1", "2"], np.array([[0.2, 0.3, 0.5], row]))
    with pytest.raises(ValueError, match="probabilities of id 2"):
        write_submission(tmp_path / "s.csv", ["1", "2"], ["1"], np.array([[0.2, 0.3, 0.5]]), row)
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]
    assert (tmp_path / "s.csv").read_text(encoding="utf-8") == "old"


def test_predictions_that_do_not_fit_their_ids(tmp_path):
    with pytest.raises(ValueError, match="2 ids but 1 rows"):
        write_submission(tmp_path / "s.csv", ["1"], ["1", "2"], np.array([[0.2, 0.3, 0.5]]))
    with pytest.raises(ValueError, match="the same id"):
        in_sample_order(["1"], ["1", "1"], np.full((2, 3), 1 / 3), PRIOR)


def test_the_order_of_the_predicted_rows_makes_no_difference():
    p = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    ids, order = list("abcde"), np.array([3, 1, 4, 0, 2])
    first, _ = in_sample_order(ids, ids, p, PRIOR)
    second, _ = in_sample_order(ids, [ids[row] for row in order], p[order], PRIOR)
    assert (first == second).all() and (first == p).all()


def test_an_id_that_became_a_float_is_the_same_id_on_either_side():
    assert rows_of(["5000.0", "7", "8.00", "-3.0", "a.0", "5.5"], ["7.0", "5000", "8", "-3", "a", "5"]).tolist() == [
        *(1, 0, 2, 3),
        *(-1, -1),
    ]
    assert rows_of(["5", "5.0"], ["5.0", "5"]).tolist() == [1, 0], "the very same text comes first"


def test_a_sample_of_other_battles_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"none of its 2 ids .* \(the first is 8 here, 1 there\)"):
        check_ids(tmp_path / "sample_submission.csv", ["8", "9"], ["1", "2"])
    check_ids(tmp_path / "sample_submission.csv", ["8", "2"], ["1", "2"])
    check_ids(tmp_path / "sample_submission.csv", ["8"], [])  # no row of the test file could be read


def test_a_judge_that_abstains_at_times_fills_a_submission_with_kaggles_columns_alone(tmp_path):
    header = ["id", "winner_model_a", "winner_model_b", "winner_tie"]
    rows = [[*header, "decided"], ["1", "0.5", "0.3", "0.2", "True"], ["2", "0.1", "0.7", "0.2", "False"]]
    (tmp_path / "p.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    assert complete(tmp_path / "p.csv", tmp_path / "s.csv", None, PRIOR) == 0
    found, ids, cells = written(tmp_path / "s.csv")
    assert found == header and ids == ["1", "2"] and cells.tolist() == [[0.5, 0.3, 0.2], [0.1, 0.7, 0.2]]
