"""The errors that the engine raises: each is also the built-in error that fits."""


class EngineError(Exception):
    """The base of every error that the engine raises by itself."""


class SettingError(EngineError, AttributeError, ValueError):
    """A setting that does not exist, or a value that it does not take."""


class DataError(EngineError, TypeError):
    """Data or an operand of a type or dtype that the engine does not compute with."""


class ShapeError(EngineError, ValueError):
    """Operands whose shapes or values an operation cannot take."""


class GraphError(EngineError, RuntimeError):
    """A graph that is missing, was released, or is used in a way that cannot be recorded."""


class GradientError(EngineError, ValueError):
    """A gradient or seed of the wrong number, shape or dtype."""


class ObserverError(EngineError, RuntimeError):
    """An observer raised an exception; the operations that it watched finished without it."""


class RecordingError(EngineError, TypeError):
    """Code that cannot be recorded; the message names it, its line and the alternative."""


class CompilerError(EngineError, ImportError):
    """llvmlite, which compiles the recorded loops, is not installed or does not work."""
