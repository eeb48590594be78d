"""Tasks that travel as to another node, without a cluster: arguments and results are pickled, the order reversed."""

import pickle

from pipelines.terminal.cluster.tasks import LocalTasks


class TravellingTasks(LocalTasks):
    """Does each piece of work in this process, from copies of its arguments and in an order of its own.

    Attributes
    ----------
    done : list of Task
        What was done, in that order.
    """

    elsewhere = True

    def __init__(self):
        self.done = []

    def run(self, tasks):
        """Yield each task's number and a copy of its result, the last task first."""
        for number, task in reversed(list(enumerate(tasks))):
            work, arguments = pickle.loads(pickle.dumps((task.work, task.arguments)))
            self.done.append(task)
            yield number, pickle.loads(pickle.dumps(work(*arguments)))

    def workers(self, made, count):
        """Return objects in this process, made of copies of their arguments."""
        return super().workers(pickle.loads(pickle.dumps(made)), count)
