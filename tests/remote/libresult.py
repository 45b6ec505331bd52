"""libresult through ctypes: what the tests of remote runs call."""
import ctypes
import json
import os
import sys
import threading

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "readers"))
from library import Setting, Str, settings as pairs  # noqa: E402

NAMES = ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "IO", "CORRUPT", "CANCELLED", "INTERNAL", "PERMISSION", "UNSUPPORTED")
MODES = {"min": 1, "max": 2}
PROGRESS = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)


def given_pairs(given):
    """Settings as the library takes them; a list stands for as many of one key."""
    return pairs([(key, one) for key, value in given.items() for one in (value if isinstance(value, list) else [value])])


class Failure(Exception):
    """An error of libresult."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Library:
    """A libresult.so. `said` is every text that it gave, and to which thread, to be searched for secrets."""

    def __init__(self, path):
        self.so = ctypes.CDLL(path)
        self.lock, self.said = threading.Lock(), []
        pointer, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
        given = [ctypes.POINTER(Setting), size]
        functions = {
            "run_open": (pointer, text, *given, pointer, pointer),
            "run_read_frame": (pointer, pointer, *given, pointer, pointer),
            "run_write_parquet": (pointer, pointer, text, *given, pointer, pointer, pointer),
            "run_write_csv": (pointer, pointer, text, *given, pointer, pointer, pointer),
            "run_best_checkpoint": (pointer, pointer, text, ctypes.c_int, *given, pointer),
            "run_rank_checkpoints": (pointer, pointer, text, ctypes.c_int, *given, pointer),
            "run_checkpoint_count": (size, pointer), "run_checkpoint_at": (pointer, pointer, size),
            "run_failure": (pointer, pointer), "run_metrics": (pointer, pointer),
            "run_uri": (Str, pointer), "run_path": (Str, pointer), "run_filesystem": (Str, pointer),
            "run_diagnostic_count": (size, pointer), "run_diagnostic_at": (pointer, pointer, size),
            "diagnostic_message": (Str, pointer), "diagnostic_file": (Str, pointer),
            "run_to_json": (pointer, pointer), "run_free": (None, pointer),
            "checkpoint_open": (pointer, text, *given, pointer, pointer),
            "checkpoint_uri": (Str, pointer), "checkpoint_path": (Str, pointer), "checkpoint_name": (Str, pointer),
            "checkpoint_presence": (ctypes.c_int, pointer), "checkpoint_clone": (pointer, pointer), "checkpoint_free": (None, pointer),
            "checkpoint_read_metadata": (pointer, pointer, pointer, pointer),
            "checkpoint_write_metadata": (pointer, pointer, text, pointer),
            "checkpoint_update_metadata": (pointer, pointer, text, pointer),
            "checkpoint_download": (pointer, pointer, text, *given, PROGRESS, pointer, pointer),
            "checkpoint_open_directory": (pointer, pointer, *given, PROGRESS, pointer, pointer, pointer),
            "checkpoint_read_files": (pointer, pointer, pointer, pointer),
            "checkpoint_read_file": (pointer, pointer, text, ctypes.c_uint64, pointer, size, pointer, pointer),
            "directory_path": (Str, pointer), "directory_free": (None, pointer),
            "files_count": (size, pointer), "files_name_at": (Str, pointer, size), "files_size_at": (ctypes.c_uint64, pointer, size),
            "files_free": (None, pointer),
            "ranking_count": (size, pointer), "ranking_free": (None, pointer),
            "frame_row_count": (size, pointer), "frame_free": (None, pointer),
            "value_to_json": (pointer, pointer), "value_free": (None, pointer),
            "text_str": (Str, pointer), "text_free": (None, pointer),
            "cancel_new": (pointer,), "cancel_trigger": (None, pointer), "cancel_free": (None, pointer),
            "error_code": (ctypes.c_int, pointer), "error_message": (Str, pointer), "error_free": (None, pointer),
        }
        for name, (result, *arguments) in functions.items():
            function = getattr(self.so, f"libresult_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def text(self, found):
        text = ctypes.string_at(found.data, found.len).decode()
        with self.lock:
            self.said.append((threading.get_ident(), text))
        return text

    def json(self, owned):
        text = self.text(self.text_str(owned))
        self.text_free(owned)
        return json.loads(text)

    def must(self, error):
        if error:
            code, text = self.error_code(error), self.text(self.error_message(error))
            self.error_free(error)
            raise Failure(NAMES[code], text)

    def produce(self, function, *arguments):
        out = ctypes.c_void_p()
        self.must(function(*arguments, ctypes.byref(out)))
        return out

    def open(self, uri, cancel=None, **given):
        return Run(self, self.produce(self.run_open, uri.encode(), *pairs(given.items()), cancel and cancel.switch))

    def checkpoint(self, uri, cancel=None, **given):
        return Checkpoint(self, self.produce(self.checkpoint_open, uri.encode(), *pairs(given.items()), cancel and cancel.switch))


class Cancel:
    def __init__(self, library):
        self.library, self.switch = library, library.cancel_new()

    def trigger(self):
        self.library.cancel_trigger(self.switch)

    def __del__(self):
        self.library.cancel_free(self.switch)


class Run:
    def __init__(self, library, run):
        self.library, self.run = library, run

    def __del__(self):
        self.library.run_free(self.run)

    @property
    def uri(self):
        return self.library.text(self.library.run_uri(self.run))

    @property
    def path(self):
        return self.library.text(self.library.run_path(self.run))

    def json(self):
        return self.library.json(self.library.run_to_json(self.run))

    def diagnostics(self):
        found = [self.library.run_diagnostic_at(self.run, place) for place in range(self.library.run_diagnostic_count(self.run))]
        return [self.library.text(self.library.diagnostic_message(one)) for one in found]

    def checkpoints(self):
        found = [self.library.run_checkpoint_at(self.run, place) for place in range(self.library.run_checkpoint_count(self.run))]
        return [Checkpoint(self.library, self.library.checkpoint_clone(one)) for one in found]

    def best(self, metric, mode):
        return Checkpoint(self.library, self.library.produce(self.library.run_best_checkpoint, self.run, metric.encode(), MODES[mode], None, 0))

    def ranked(self, metric, mode):
        """How many checkpoints are ranked."""
        ranking = self.library.produce(self.library.run_rank_checkpoints, self.run, metric.encode(), MODES[mode], None, 0)
        count = self.library.ranking_count(ranking)
        self.library.ranking_free(ranking)
        return count

    def rows(self, cancel=None, **given):
        """How many rows the frame has."""
        frame = self.library.produce(self.library.run_read_frame, self.run, *pairs(given.items()), cancel and cancel.switch)
        count = self.library.frame_row_count(frame)
        self.library.frame_free(frame)
        return count

    def write(self, ending, uri, cancel=None, **given):
        """Writes a file, `parquet` or `csv`."""
        write = getattr(self.library, f"run_write_{ending}")
        self.library.must(write(self.run, uri.encode(), *pairs(given.items()), None, None, cancel and cancel.switch))


class Checkpoint:
    def __init__(self, library, checkpoint):
        self.library, self.checkpoint = library, checkpoint

    def __del__(self):
        self.library.checkpoint_free(self.checkpoint)

    @property
    def uri(self):
        return self.library.text(self.library.checkpoint_uri(self.checkpoint))

    @property
    def path(self):
        return self.library.text(self.library.checkpoint_path(self.checkpoint))

    @property
    def name(self):
        return self.library.text(self.library.checkpoint_name(self.checkpoint))

    @property
    def is_present(self):
        return {0: None, 1: False, 2: True}[self.library.checkpoint_presence(self.checkpoint)]

    def read(self, cancel=None):
        value = self.library.produce(self.library.checkpoint_read_metadata, self.checkpoint, cancel and cancel.switch)
        found = self.library.json(self.library.value_to_json(value))
        self.library.value_free(value)
        return found

    def write(self, members, cancel=None):
        self.library.must(self.library.checkpoint_write_metadata(self.checkpoint, json.dumps(members).encode(), cancel and cancel.switch))

    def update(self, members, cancel=None):
        self.library.must(self.library.checkpoint_update_metadata(self.checkpoint, json.dumps(members).encode(), cancel and cancel.switch))

    def download(self, destination, cancel=None, progress=None, **given):
        """`progress` is asked with the bytes that are there and all, whether to go on."""
        self.library.must(self.library.checkpoint_download(
            self.checkpoint, destination.encode(), *given_pairs(given), told(progress), None, cancel and cancel.switch))

    def directory(self, cancel=None, progress=None, **given):
        return Directory(self.library, self.library.produce(
            self.library.checkpoint_open_directory, self.checkpoint, *given_pairs(given), told(progress), None, cancel and cancel.switch))

    def files(self, cancel=None):
        """The sizes of its files, by name."""
        library = self.library
        files = library.produce(library.checkpoint_read_files, self.checkpoint, cancel and cancel.switch)
        places = range(library.files_count(files))
        found = [(library.text(library.files_name_at(files, place)), library.files_size_at(files, place)) for place in places]
        library.files_free(files)
        return dict(found)

    def read_file(self, name, offset=0, length=1 << 16, cancel=None):
        into, read = ctypes.create_string_buffer(length), ctypes.c_size_t()
        self.library.must(self.library.checkpoint_read_file(
            self.checkpoint, name.encode(), offset, into, length, cancel and cancel.switch, ctypes.byref(read)))
        return into.raw[:read.value]


def told(progress):
    return PROGRESS(lambda _, done, total: progress(done, total)) if progress else PROGRESS()


class Directory:
    def __init__(self, library, directory):
        self.library, self.directory = library, directory

    @property
    def path(self):
        return self.library.text(self.library.directory_path(self.directory))

    def free(self):
        self.library.directory_free(self.directory)
        self.directory = None

    def __del__(self):
        self.library.directory_free(self.directory)
