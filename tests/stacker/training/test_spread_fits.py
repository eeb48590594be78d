import filecmp

import pytest
from small_runs import small_params
from travelling_tasks import TravellingTasks

from pipelines.battles.built_in import sample_battles
from stacker.learners.transformer.chosen import choose_transformers
from stacker.learners.transformer.params import TransformersParams
from stacker.training.cross_fitting import all_battles_key
from stacker.training.data_set import prepare
from stacker.training.spread_fits import fit_on_cluster
from stacker.training.stage_times import StageTimes
from stacker.training.train import level0, members, stack_learners, train


@pytest.fixture(scope="module")
def battles():
    return sample_battles(60).battles


def fits_of(folder):
    return {path.relative_to(folder): path for path in (folder / "cache" / "fits").rglob("*") if path.is_file()}


def test_fits_done_elsewhere_are_bitwise_those_of_this_machine(battles, tmp_path):
    here, there = (small_params(tmp_path / name) for name in ("here", "there"))
    train(battles, here)
    tasks, learners = TravellingTasks(), stack_learners(there, [])
    prepared = prepare(there, battles)
    fit_on_cluster(tasks, there, [], learners, prepared, lambda *_: None)
    assert len(tasks.done) == 3 * (there.folds.count + 1) + 1  # the words are counted once, for all fits of sparse
    ours, theirs = fits_of(tmp_path / "here"), fits_of(tmp_path / "there")
    assert set(ours) and {str(path) for path in ours} == {
        str(path) for path in theirs if not path.name.endswith(".lock")
    }
    assert [path for path in ours if not filecmp.cmp(ours[path], theirs[path], shallow=False)] == []


def test_nothing_is_left_to_fit_here_and_of_what_is_lost_no_more_is_fitted_again(battles, tmp_path, monkeypatch):
    params = small_params(tmp_path)
    prepared, learners = prepare(params, battles), stack_learners(params, [])[:2]
    fit_on_cluster(TravellingTasks(), params, [], learners, prepared, lambda *_: None)
    with monkeypatch.context() as no_fits:
        no_fits.setattr("stacker.training.cross_fitting.fit_and_predict", None)
        level0(learners, prepared, lambda *_: None, StageTimes())
        members(learners, prepared, lambda *_: None, StageTimes())
    next((tmp_path / "cache" / "fits").glob("*.npz")).unlink()
    again = TravellingTasks()
    seen = []
    fit_on_cluster(again, params, [], learners, prepared, lambda *told: seen.append(told))
    assert len(again.done) == 1 and seen[-1][1:] == (1, 1)


def test_trees_have_the_memory_of_the_counts_of_terms(battles, tmp_path, monkeypatch):
    params = small_params(tmp_path)
    prepared, learners = prepare(params, battles), stack_learners(params, [])
    kept = {}

    def told(stage, done, count):
        kept[stage, done] = [key for key in prepared.data.shared._kept if key.startswith(("words", "characters"))]

    found = members(learners, prepared, told, StageTimes())
    assert [member.name for member in found] == [learner.name for learner in learners]
    assert kept["sparse: all battles", 1] and not kept["lightgbm: all battles", 1]


def test_a_fit_that_another_command_is_at_is_left_to_it(battles, tmp_path):
    params = small_params(tmp_path)
    prepared, learners = prepare(params, battles), stack_learners(params, [])[:1]
    tasks = TravellingTasks()
    with prepared.store.fitting(all_battles_key(learners[0], prepared.fit, prepared.prints, prepared.store)):
        fit_on_cluster(tasks, params, [], learners, prepared, lambda *_: None)
    assert len(tasks.done) == params.folds.count


@pytest.mark.slow
@pytest.mark.parametrize(("device", "wanted"), [("auto", True), ("cpu", False)])
def test_only_fits_of_transformers_ask_for_a_gpu_and_not_those_for_a_processor(
    battles, tmp_path, tiny_checkpoint, device, wanted
):
    class Told(TravellingTasks):
        def run(self, tasks):
            self.done += list(tasks)
            return iter(())

    transformer = TransformersParams(models=(str(tiny_checkpoint("distilbert")),), device=device)
    params = small_params(tmp_path).model_copy(update={"transformer": transformer})
    chosen, prepared, tasks = choose_transformers(transformer, params.encoder), prepare(params, battles), Told()
    fit_on_cluster(tasks, params, chosen, stack_learners(params, chosen), prepared, lambda *_: None)
    by_name = {task.arguments[1][0]: task.gpu for task in tasks.done}
    assert by_name.pop(chosen[0].name) == wanted and by_name and not any(by_name.values())
