"""libresult through ctypes: as much of it as reads frames, hands them on as Arrow streams, and writes files."""
import ctypes


class Setting(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("value", ctypes.c_char_p)]


class Str(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(ctypes.c_char)), ("len", ctypes.c_size_t)]


class ArrowStream(ctypes.Structure):
    """`ArrowArrayStream` of Arrow's C interface; whoever takes it over leaves `release` NULL."""
    _fields_ = [(name, ctypes.c_void_p) for name in ("get_schema", "get_next", "get_last_error", "release", "private_data")]


CAPSULE = b"arrow_array_stream"
RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowStream))


class Stream:
    """An Arrow stream, as Python's Arrow libraries take it from one another."""

    def __init__(self, frame):
        self.stream = ArrowStream()
        frame.library.must(frame.library.frame_export(frame.frame, ctypes.byref(self.stream)))

    @property
    def address(self):
        return ctypes.addressof(self.stream)

    def __arrow_c_stream__(self, requested_schema=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(self.address, CAPSULE, None)

    def __del__(self):
        if self.stream.release:
            RELEASE(self.stream.release)(ctypes.byref(self.stream))


class Frame:
    def __init__(self, library, frame):
        self.library, self.frame = library, frame

    def __del__(self):
        self.library.frame_free(self.frame)


# Codes of errors, by Rust's names.
CODES = {1: "InvalidArgument", 4: "Corrupt"}


class Failure(Exception):
    """An error of libresult."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = CODES.get(code, str(code))


class Library:
    """The functions of a libresult.so that are used here."""

    def __init__(self, path):
        self.so = ctypes.CDLL(path)
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        settings = [ctypes.POINTER(Setting), size, pointer, pointer]
        self.run_open = self.function("run_open", pointer, ctypes.c_char_p, *settings)
        self.run_read_frame = self.function("run_read_frame", pointer, pointer, *settings)
        written = [pointer, ctypes.c_char_p, *settings[:2], pointer, pointer, pointer]
        self.run_write = {ending: self.function(f"run_write_{ending}", pointer, *written) for ending in ("parquet", "csv")}
        self.run_free = self.function("run_free", None, pointer)
        self.frame_export = self.function("frame_export", pointer, pointer, pointer)
        self.frame_free = self.function("frame_free", None, pointer)
        self.error_code = self.function("error_code", ctypes.c_int, pointer)
        self.error_message = self.function("error_message", Str, pointer)
        self.error_free = self.function("error_free", None, pointer)

    def function(self, name, result, *arguments):
        found = getattr(self.so, f"libresult_{name}")
        found.restype, found.argtypes = result, arguments
        return found

    def must(self, error):
        if error:
            code, message = self.error_code(error), self.error_message(error)
            text = ctypes.string_at(message.data, message.len).decode()
            self.error_free(error)
            raise Failure(code, text)

    def open(self, path):
        """The run at `path`."""
        run = ctypes.c_void_p()
        self.must(self.run_open(path.encode(), None, 0, None, ctypes.byref(run)))
        return Run(self, run)


class Run:
    def __init__(self, library, run):
        self.library, self.run = library, run

    def __del__(self):
        self.library.run_free(self.run)

    def read_frame(self, given):
        """A frame; `given` are settings, as pairs."""
        frame = ctypes.c_void_p()
        self.library.must(self.library.run_read_frame(self.run, *settings(given), None, ctypes.byref(frame)))
        return Frame(self.library, frame)

    def write(self, ending, path, given):
        """Writes a file, `parquet` or `csv`."""
        self.library.must(self.library.run_write[ending](self.run, path.encode(), *settings(given), None, None, None))


def settings(given):
    """An array of settings, and how many they are."""
    return (Setting * len(given))(*((key.encode(), str(value).encode()) for key, value in given)), len(given)
