#!/usr/bin/env python3
"""Tests runs in remote stores: requests, faults, secrets, cancelling, metadata, threads and forks, forms of URIs. Runs below
tests/servers/servers.py.

main.py LIBRESULT_SO --pyarrow PYTHON [--test PATTERN] [--self-test] [--slowest N]

--self-test: tests of faults run again where the proxy does none, and must fail. The last line is `N passed, N failed`."""
import argparse
import concurrent.futures
import fnmatch
import importlib
import os
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import libresult  # noqa: E402
import stores  # noqa: E402

SUBJECTS = sorted(name[:-3] for name in os.listdir(harness.HERE) if name.endswith("_tests.py"))
AT_ONCE = 12
PATIENCE = 60  # seconds for a test that runs alone


def run(test):
    """Runs a test here. Returns what was wrong, or nothing."""
    try:
        if not test.store:
            test.function()
            return None
        proxy = harness.Proxy(test.store, test.name)
        test.function(proxy)
        proxy.check_done()
    except (harness.Wrong, libresult.Failure) as wrong:
        where = traceback.extract_tb(wrong.__traceback__)
        line = next((frame for frame in reversed(where) if frame.filename.endswith("_tests.py")), where[-1])
        return f"{os.path.basename(line.filename)}:{line.lineno}: {wrong}"
    except Exception:  # whatever is wrong with one test, the others run
        return traceback.format_exc()
    return None


def run_alone(test):
    """Runs a test in a process of its own."""
    command = [sys.executable, os.path.abspath(__file__), harness.Context.path, "--alone", test.name]
    command += ["--self-test"] * harness.Context.self_test
    environment = {name: value for name, value in {**os.environ, **test.environment}.items() if value is not None}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"does not end within {PATIENCE} s"
    if done.returncode or done.stderr:
        return f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    return None


def timed(test):
    start = time.monotonic()
    wrong = (run_alone if test.alone else run)(test)
    return test, wrong, time.monotonic() - start


def run_all(tests):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        loud = [test for test in tests if not test.quiet]
        yield from pool.map(timed, loud)
    yield from map(timed, (test for test in tests if test.quiet))


def check_secrets():
    """No text that the library gave has a secret of the tests."""
    for secret in (stores.AZURE_KEY, "X-Amz-Signature", "Signature="):
        for _, text in harness.Context.library.said:
            harness.check(secret not in text, f"{secret} in {text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("library")
    parser.add_argument("--test", default="*", metavar="PATTERN")
    parser.add_argument("--alone", metavar="NAME", help="runs this one test and nothing else")
    parser.add_argument("--pyarrow", default=sys.executable, metavar="PYTHON", help="one that has pyarrow")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--slowest", type=int, default=5, metavar="N")
    options = parser.parse_args()
    for subject in SUBJECTS:
        importlib.import_module(subject)
    harness.Context.pyarrow = options.pyarrow
    harness.Context.path = os.path.abspath(options.library)
    harness.Context.library = libresult.Library(harness.Context.path)
    tests = {test.name: test for test in harness.TESTS}
    if len(tests) < len(harness.TESTS):
        raise SystemExit("two tests have one name")
    if options.alone:
        harness.Context.self_test = options.self_test
        wrong = run(tests[options.alone])
        if wrong:
            print(wrong)
        return 1 if wrong else 0
    chosen = [test for name, test in tests.items() if fnmatch.fnmatchcase(name, f"*{options.test}*".replace("[", "[[]"))]
    failed, seconds = [], []
    for test, wrong, took in run_all(chosen):
        seconds.append((took, test.name))
        if wrong:
            failed.append(test)
            print(f"FAILED {test.name}: {wrong}", flush=True)
    passed = len(chosen) - len(failed)
    try:
        check_secrets()
    except harness.Wrong as wrong:
        failed.append(None)
        print(f"FAILED secrets: {wrong}")
    if options.self_test:
        missed = harness.check_checks()
        for what in missed:
            failed.append(None)
            print(f"FAILED self-test: the checks miss {what}")
        harness.Context.self_test = True
        for test, wrong, _ in run_all([test for test in chosen if test.has_faults]):
            # To a test of silence, a busy server looks like a silent one: it is asked again while nothing else runs.
            if wrong or timed(test)[1]:
                passed += 1
            else:
                failed.append(test)
                print(f"FAILED {test.name} passes where the proxy does no faults")
    for took, name in sorted(seconds, reverse=True)[:options.slowest]:
        print(f"  {took:5.1f} s {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
