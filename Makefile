# videoroom: bookings become Twilio Video rooms.
#   make, make install, make installcheck   the PGXS way; PG_CONFIG=... chooses the server
#                                         installcheck wants the library preloaded, videoroom.enabled = off, the rest unset
#   make demo          the whole story on real parts of its own; KEEP=1 leaves them running, make demo-stop ends them; PAGE=1: a browser too
#   make test          every test; ONLY="unit tap" only some groups, TAP=001_booking only one file of that group
#   make upgrade-check the part of make test that updates a lived-in database of the oldest version that can be
#   make soak          everything killed again and again, MINUTES=10 of it; ends with what was survived
#   make sqlsmith      random statements against a server with the extension, MINUTES=30 of them
#   make valgrind      pg_regress and some flows with every process of the server under valgrind
#   make million       a million calls through one worker, and what memory it takes; CALLS=100000 fewer
#   make pg_upgrade    a cluster of PostgreSQL 15 becomes one of 17 in a Debian 13 of its own; needs root
#   make matrix        `make test` of HEAD on fresh Debian 12, 13, sid, and sid with PostgreSQL 19, one after the other; needs root
#   make alerts        Prometheus and its exporter watch a server while troubles are played: each alert of examples/monitoring
#                      fires and ends
#   make pg-suite      PostgreSQL's own regress and isolation suites with the extension in their databases
#   make bench         the benchmarks; ROWS="join create" only some of them (see test/bench/run); BASE=COMMIT: beside that
#                      commit's build
#   make instructions  how many instructions a booking, a join, each callback and the worker's calls take; BASE=COMMIT likewise
#   make beside        PgBouncer, pg_repack, pgaudit, pgBackRest and others: what docs/neighbours.md says of them
#   make reference     writes docs/reference.md anew, from the comments in the database
#   make deb           the Debian packages for each of them, tried on fresh ones, below build/deb; SUITES="bookworm trixie" only some; needs root
#   make dist          the zip for PGXN of HEAD, build/videoroom-VERSION.zip; make pgxn: and pgxn installs, loads and checks it
#   make help          this
#   make dependencies  the Debian packages of all that; demo and test install what they miss themselves
#   make unit          the unit tests, which need no server
#   make symbols       no name that the server and a library of ours share
#   make tidy          clang-tidy over src and test
#   make format-check  clang-format over src and test, changing nothing; make format changes
#   make fuzz          every fuzz target, FUZZ_SECONDS=60 each

# These look for a server themselves, after installing it where it is missing.
LONG  = sqlsmith valgrind million pg_upgrade matrix pg-suite alerts beside deb pgxn reference
BENCH = bench instructions
ALONE = help demo demo-stop test upgrade-check soak dependencies $(BENCH) $(LONG)
ifneq ($(filter $(ALONE),$(MAKECMDGOALS)),)
.PHONY: $(ALONE)
help:
	@sed -n 's/^# \{0,1\}//p; /^$$/q' Makefile
demo:
	@examples/demo/demo.sh
demo-stop:
	@examples/demo/demo.sh stop
test:
	@test/run
upgrade-check:
	@ONLY="tap" TAP="027_upgrade 029_lived_in" test/run
soak:
	@LONGEST=$$((($(or $(MINUTES),10) + 10) * 60)) ONLY="tap" TAP=030_kill STORM_MINUTES=$(or $(MINUTES),10) test/run
bench:
	@test/bench/run
instructions:
	@test/bench/$@
$(LONG):
	@test/long/$@
dependencies:
	@scripts/dependencies demo test tools
else

EXTENSION  = videoroom
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" videoroom.control)
MODULE_big = videoroom
SCRIPT     = sql/videoroom--$(EXTVERSION).sql
MODULES_SQL = $(sort $(wildcard sql/[0-9][0-9]-*.sql))
UPDATE     = $(patsubst sql/%,sql/videoroom--%,$(wildcard sql/[0-9]*--$(EXTVERSION).sql))
DATA_built = $(SCRIPT) $(UPDATE)
DATA       = $(filter-out $(DATA_built),$(wildcard sql/videoroom--*--*.sql))

PURE       = $(sort $(wildcard src/core/*.cpp src/http/*.cpp))
SOURCES    = $(PURE) $(sort $(wildcard src/pg/*.cpp src/api/*.cpp src/worker/*.cpp src/worker/actions/*.cpp)) src/module.cpp
OBJS       = $(SOURCES:.cpp=.o)

REGRESS        = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=test --load-extension=$(EXTENSION)
ISOLATION      = $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=$(EXTENSION)

PG_CONFIG  ?= pg_config
# PGXS hands over flags of the compiler that the server was built with: clang does not know all of gcc's.
WARNINGS    = -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Werror \
              $(if $(findstring clang,$(CXX)),-Wno-unknown-warning-option -Wno-ignored-optimization-argument)
LIBRARIES   = -lcurl -ljansson -lcrypto
# -MMD -MP: PGXS has no header dependencies of its own; the .d files land next to the .o files.
PG_CXXFLAGS = -std=c++20 -fvisibility=hidden -fvisibility-inlines-hidden -MMD -MP $(WARNINGS)
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) -DVIDEOROOM_VERSION='"$(EXTVERSION)"'
SHLIB_LINK  = $(LIBRARIES) -lstdc++
EXTRA_CLEAN = $(OBJS:.o=.d) $(DATA_built) build results output_iso regression.diffs regression.out

# No bitcode: PGXS feeds clang neither -std=c++20 nor any PG_CXXFLAGS, and JIT never inlines our functions.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
-include $(OBJS:.o=.d)

$(SCRIPT): $(MODULES_SQL) videoroom.control
	@echo "joining $(words $(MODULES_SQL)) modules into $@"
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION videoroom" to load this file. \quit'; cat $(MODULES_SQL); } > $@

# What is written for the update, with every function in its place. Once the version is released its script changes no more:
# then what is made here is kept (git add -f), and what it was made of goes.
sql/videoroom--%--$(EXTVERSION).sql: sql/%--$(EXTVERSION).sql sql/functions.awk $(MODULES_SQL) videoroom.control
	@echo "joining $< and the functions of $(words $(MODULES_SQL)) modules into $@"
	@{ printf '%s\n' '\echo Use "ALTER EXTENSION videoroom UPDATE" to load this file. \quit'; sed '/^-- @functions@$$/q' $<; \
	   awk -f sql/functions.awk $(MODULES_SQL); sed '1,/^-- @functions@$$/d' $<; } > $@

# For PGXN: HEAD and the script, which pgxn wants in it.
.PHONY: dist
dist: $(SCRIPT)
	@scripts/metadata
	@git diff --exit-code --stat HEAD -- videoroom.control META.json sql >&2 || { echo "what is not committed would be left out" >&2; exit 1; }
	@mkdir -p build
	git archive --format=zip -o build/$(DIST).zip --prefix=$(DIST)/sql/ --add-file=$(SCRIPT) --prefix=$(DIST)/ HEAD
DIST = $(EXTENSION)-$(EXTVERSION)

# The version is compiled in.
$(OBJS): videoroom.control

# core and http, and nothing of Postgres: the server's include path is not there, so the rule cannot rot.
UNIT_FLAGS = -std=c++20 -g -O1 -Isrc $(HTTPLIB) -MMD -MP $(WARNINGS) $(UNIT_EXTRA)
# As Debian compiled its library: the layout of the classes depends on it.
HTTPLIB    = $(shell pkg-config --cflags cpp-httplib)
UNIT_OBJS  = $(patsubst %.cpp,build/unit/%.o,$(PURE) $(sort $(wildcard test/unit/*.cpp)))

build/unit/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(UNIT_FLAGS) -c $< -o $@

build/unit/run: $(UNIT_OBJS)
	$(CXX) $(UNIT_FLAGS) $^ $(LIBRARIES) -lcpp-httplib -lssl -lgtest -lgtest_main -pthread -o $@

-include $(UNIT_OBJS:.o=.d)

.PHONY: unit
unit: build/unit/run
	./build/unit/run

# The server is first in the symbol order: a library's function whose name it exports too (jansson's
# json_object) would be the server's own at run time. Fails naming any such import.
.PHONY: symbols
symbols: all
	@! { nm -D --undefined-only $(shlib) | sed -n 's/.* U \([^@]*\)@lib.*/\1/p' | sort -u; \
	     nm -D --defined-only $(bindir)/postgres | awk '{print $$3}' | sort -u; } | sort | uniq -d | grep .

# What includes the server's headers, against those in HEADERS, of another version (test/headers/check.sh). By clang: its precompiled
# header makes it quick. Nothing is built.
ifdef HEADERS
HEADERS_FLAGS = -std=c++20 -Isrc -isystem $(HEADERS) -D_GNU_SOURCE -DVIDEOROOM_VERSION='"$(EXTVERSION)"' $(WARNINGS)
.PHONY: headers
headers: $(HEADERS)/checked
$(HEADERS)/checked: test/headers/server.hpp $(wildcard src/*.cpp src/*/*.[ch]pp src/*/*/*.[ch]pp) Makefile
	clang++ $(HEADERS_FLAGS) -x c++-header $< -o $(HEADERS)/server.pch
	printf '%s\n' $(filter-out $(PURE),$(SOURCES)) | \
	    xargs -P 2 -n 4 clang++ $(HEADERS_FLAGS) -include-pch $(HEADERS)/server.pch -fsyntax-only
	@touch $@
endif

.PHONY: simulator relay
simulator:
	$(MAKE) -C test/twilio
relay:
	$(MAKE) -C examples/relay

# The tests' clock, which a server is started under.
build/clock.so: test/t/lib/clock.cpp
	@mkdir -p $(@D)
	$(CXX) -std=c++20 -O2 $(WARNINGS) -shared -fPIC $< -o $@

# The benchmarks' own programs, beside the simulator.
BENCH_FLAGS = -std=c++20 -O2 -Isrc -I$(shell $(PG_CONFIG) --includedir) $(WARNINGS)
build/bench-post build/bench-sign build/bench-live build/bench-deliver: build/bench-%: test/bench/%.cpp test/bench/multi.hpp $(wildcard src/core/*.cpp src/core/*.hpp)
	@mkdir -p $(@D)
	$(CXX) $(BENCH_FLAGS) $(filter %.cpp,$^) $(LIBRARIES) $(LIBPQ_$*) -o $@
LIBPQ_live = -lpq
build/bench-book: test/bench/book.cpp
	@mkdir -p $(@D)
	$(CXX) $(BENCH_FLAGS) $< -lpq -o $@
.PHONY: bench-programs
bench-programs: build/bench-post build/bench-sign build/bench-book build/bench-live build/bench-deliver

FORMATTED = $(shell find src test/headers test/unit test/fuzz test/bench test/t/lib -name '*.[ch]pp')

.PHONY: format format-check tidy
format:
	clang-format -i $(FORMATTED)
format-check:
	clang-format --dry-run -Werror $(FORMATTED)
tidy:
	printf '%s\n' $(filter %.cpp,$(FORMATTED)) | \
	    xargs -P 2 -I{} clang-tidy --quiet {} -- -std=c++20 $(PG_CPPFLAGS) -isystem $(shell $(PG_CONFIG) --includedir) $(HTTPLIB) -D_GNU_SOURCE

# One program for each target of test/fuzz, with the core compiled once; no server in it either. They begin with the seeds, and
# keep what they find worth remembering beside the program.
FUZZ      = $(patsubst test/fuzz/fuzz_%.cpp,build/fuzz/%,$(wildcard test/fuzz/fuzz_*.cpp))
FUZZ_CXX  = clang++ -std=c++20 -g -O1 -Isrc -MMD -MP -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_CORE = $(patsubst %.cpp,build/fuzz/%.o,$(wildcard src/core/*.cpp))
FUZZ_SECONDS = 60

build/fuzz/src/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(FUZZ_CXX) -fsanitize=fuzzer-no-link -c $< -o $@

build/fuzz/%: test/fuzz/fuzz_%.cpp $(FUZZ_CORE)
	@mkdir -p $(@D)
	$(FUZZ_CXX) -fsanitize=fuzzer $< $(FUZZ_CORE) -ljansson -lcrypto -o $@

-include $(FUZZ_CORE:.o=.d) $(FUZZ:=.d)

.PHONY: fuzz fuzz-programs
fuzz-programs: $(FUZZ)
fuzz: $(FUZZ)
	@for target in $^; do \
	    mkdir -p $$target.corpus && \
	    $$target -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$$target- $$target.corpus test/fuzz/seeds/$${target##*/} \
	        && echo "ok $${target##*/}" || exit 1; \
	done

endif
