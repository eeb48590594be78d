import numpy as np

from features.style_control import CONTROLS, relative_differences, scaled, style_counts


def test_the_numbers_of_an_answer_by_hand():
    text = "# Head\n\n- one **two**\n1. three\n\n```\ncode\n```\n"
    found = dict(zip(CONTROLS, style_counts([text, ""])[0].tolist(), strict=True))
    assert found == {"length": 6, "headings": 1, "list items": 2, "bold": 1, "code blocks": 1}
    assert style_counts([text, ""])[1].tolist() == [0.0] * 5
    assert style_counts([]).shape == (0, 5)


def test_a_difference_turns_its_sign_when_the_answers_are_swapped_and_has_no_unit():
    a, b = np.array([[30.0, 0.0]]), np.array([[10.0, 0.0]])
    np.testing.assert_array_equal(relative_differences(a, b), [[0.5, 0.0]])
    np.testing.assert_array_equal(relative_differences(b, a), [[-0.5, 0.0]])
    np.testing.assert_allclose(scaled(np.array([[3.0, 0.0], [-4.0, 0.0]]))[:, 0], np.array([3.0, -4.0]) / 12.5**0.5)
    assert scaled(np.zeros((0, 2))).shape == (0, 2)
