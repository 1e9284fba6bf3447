# SPDX-License-Identifier: MIT
# The front door: Meson does the work. `make help` lists what there is.
PYTHON := /usr/bin/python3
JOBS   ?= $(shell nproc)
SECS   ?= 60
PREFIX ?= /usr/local
WHAT   ?=
# In CI a warning is an error, but under gcc's sanitizers, whose instrumentation makes it warn falsely.
WERROR  = $(if $(and $(CI),$(filter release fuzz,$*)),true,false)
PATH   := /usr/bin:/usr/sbin:$(shell tools/deps.sh peers-path):$(PATH)
export PATH

RUN_TESTS := $(PYTHON) tools/run_tests.py
NINJA      = ninja -j$(JOBS) -C

SETUP_release := -Dbuildtype=debugoptimized -Dlto=true
SETUP_asan    := -Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Dchecks=true
SETUP_tsan    := -Dbuildtype=debug -Doptimization=1 -Db_sanitize=thread -Dchecks=true
SETUP_fuzz    := -Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Dchecks=true -Dfuzz=true
SETUP_cover   := -Dbuildtype=debug -Db_coverage=true -Dchecks=true
CC_fuzz       := CC=clang CXX=clang++

.PHONY: all run test quick check t asan tsan fuzz soak cover fmt bench install clean help
.DEFAULT_GOAL := all

# One build folder per flavour; meson remembers its options and reconfigures by itself.
build/%/build.ninja: meson_options.txt | deps-build
	$(CC_$*) meson setup $(if $(wildcard $@),--reconfigure) build/$* --prefix=$(PREFIX) \
	    -Dwerror=$(WERROR) $(SETUP_$*)

.PHONY: deps-build deps-test deps-lint deps-cover deps-bench
deps-build deps-test deps-lint deps-cover deps-bench: deps-%:
	@tools/deps.sh $*

all: build/release/build.ninja ## build the program and the library into build/release
	@$(NINJA) build/release program

run: all ## build and start: ./joist.toml, else a welcome page; or make run WHAT="./public 8443"
	build/release/joist run $(WHAT)

test: deps-test all ## everything: unit, loop, e2e, replays of old crashes
	@$(RUN_TESTS) build/release unit loop replay tools e2e

quick: build/release/build.ninja ## unit and loop tests only, in seconds
	@$(RUN_TESTS) build/release unit loop

t: $(if $(filter unit/% loop/% replay/%,$(T)),build/release/build.ninja,all) ## one test: make t T=unit/codec/uri, T=loop/proxy_random SEED=7, T=e2e/test_proxy_headers
	@SEED=$(SEED) $(RUN_TESTS) build/release --verbose $(T)

check: deps-lint all ## lint, layers, format
	@$(PYTHON) tools/lint.py build/release

asan tsan: %: deps-test build/%/build.ninja ## the whole suite under a sanitizer
	@$(NINJA) build/$* program
	@$(RUN_TESTS) build/$* unit loop replay e2e

fuzz: deps-lint build/fuzz/build.ninja ## each fuzz target, or one: make fuzz T=h1_request SECS=60
	@$(PYTHON) tools/fuzz.py build/fuzz --secs $(SECS) $(T)

soak: deps-test all ## the long runs: huge bodies, thousands of connections
	@$(RUN_TESTS) build/release soak

cover: deps-cover build/cover/build.ninja ## line coverage of unit, loop and e2e: build/cover/report.html
	@$(NINJA) build/cover program
	@$(RUN_TESTS) build/cover unit loop replay e2e; code=$$?; \
	gcovr -r . build/cover -f src/ -s --html-details build/cover/report.html | tail -4; exit $$code

fmt: deps-lint ## format all C files
	@git ls-files '*.c' '*.h' '*.cc' | xargs clang-format -i

bench: deps-bench all ## us against the peers that are installed: ratios, and JSON
	@$(NINJA) build/release bench/route_bench bench/pick_bench bench/target_changes bench/handshake_load bench/tls_own
	@$(PYTHON) bench/run.py

install: all ## program, library, headers, pkg-config file into PREFIX (DESTDIR is obeyed)
	@meson configure build/release --prefix=$(PREFIX) && $(NINJA) build/release program
	@meson install -C build/release --no-rebuild

clean: ## remove the build folders
	rm -rf build

help: ## this list
	@awk -F':.*## ' '/^[a-z][a-z ]*:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile
