import threading

from dashboard.rendering.drawings import FairQueue


def test_people_take_turns_however_much_one_of_them_asks_for() -> None:
    queue: FairQueue[str] = FairQueue()
    for job in ("much 1", "much 2", "much 3"):
        queue.put("much", job)
    queue.put("little", "little 1")
    queue.put("another", "another 1")
    order = []
    for _ in range(5):
        person, job = queue.take() or ("", "")
        order.append(job)
        queue.done(person)
    assert order == ["much 1", "little 1", "another 1", "much 2", "much 3"]


def test_one_person_s_jobs_are_done_one_at_a_time() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("much", "1")
    queue.put("much", "2")
    assert queue.take() == ("much", "1")
    taken: list[object] = []
    other = threading.Thread(target=lambda: taken.append(queue.take()))
    other.start()
    queue.put("little", "3")
    other.join(20)
    assert taken == [("little", "3")]
    queue.done("much")
    assert queue.take() == ("much", "2")


def test_closing_lets_those_who_wait_go_and_returns_what_was_left() -> None:
    queue: FairQueue[str] = FairQueue()
    taken: list[object] = []
    waiting = threading.Thread(target=lambda: taken.append(queue.take()))
    waiting.start()
    assert queue.close() == []
    waiting.join(20)
    assert taken == [None]
    assert not queue.put("late", "1")

    left: FairQueue[str] = FairQueue()
    left.put("a", "1")
    assert left.close() == ["1"]
    assert left.take() is None
