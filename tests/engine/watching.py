"""An observer that writes down what it is told."""


class Log:
    """The lines are (phase, moment, operation, number); the events are kept as they are."""

    def __init__(self):
        self.lines = []
        self.events = []

    def __call__(self, event):
        self.events.append(event)
        self.lines.append((event.phase, event.moment, event.operation, event.number))
