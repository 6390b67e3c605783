# Moongate: `make help` lists the targets.

PREFIX   ?= /usr/local
scriptsdir ?= $(PREFIX)/share/moongate/scripts
unitdir  ?= $(PREFIX)/lib/systemd/system
BUILD    ?= build
CC       ?= cc
SANITIZE ?=
WERROR   ?= -Werror
V        ?=
Q        := $(if $(V),,@)

PACKAGES := lua5.4 libevent_core libcurl sqlite3
VERSION  ?= $(shell deploy/release/version --dirty 2>/dev/null || echo unknown)

# UBSan's own checks make gcc 12 believe that a format may be NULL, hence -Wno-format-truncation.
OPTIMIZE := $(if $(SANITIZE),-O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) \
    -Wno-format-truncation,-O2 -DNDEBUG -ffile-prefix-map=$(CURDIR)=.)
CFLAGS   ?= -g
override CFLAGS += -std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes $(WERROR) $(OPTIMIZE) -pthread
CPPFLAGS += -D_GNU_SOURCE -Icore $(shell pkg-config --cflags $(PACKAGES)) \
    $(if $(SANITIZE),-DGW_CRASH_POINTS)
LDFLAGS  += -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LDLIBS   += $(shell pkg-config --libs $(PACKAGES)) -lm

SOURCES  := $(sort $(shell find core -name '*.c'))
PRELUDE  := $(sort $(filter-out %/types.lua,$(shell find core/lua/prelude -name '*.lua')))
ADMIN    := $(sort $(shell find core/admin -type f ! -name '*.[ch]' ! -name 'package*.json'))
EMBEDDED := $(BUILD)/core/lua/prelude.gen.c $(BUILD)/core/admin/files.gen.c
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o) $(EMBEDDED:.c=.o)
LIBRARY  := $(filter-out $(BUILD)/core/main.o,$(OBJECTS))
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
THREADED := test_breaker_histories test_retry_budget test_bulkhead test_balancer test_backend \
    test_backend_desk test_backends test_jobs test_journal test_keys test_key_bond test_keyspace test_log_queue test_log_writer \
    test_metric test_metric_meter test_recent test_saga test_saga_recovery test_exporter
FUZZERS  := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

.DEFAULT_GOAL := all

## all: build/moongate, optimized (the default)
all: $(BUILD)/moongate

## run: install what is missing, build, and start the gateway with both demo backends
run: deps-build
	$(Q)$(MAKE) --no-print-directory all
	$(Q)exec $(BUILD)/moongate demo $(ARGS)

## test: everything: lint, C units, Lua specs, integration; the last line is "N passed, N failed"
test: deps-test
	$(Q)tests/run

## lint: layers, format, cppcheck, luacheck, shellcheck, the reference
lint:
	$(Q)tests/lint/run

## unit: C unit tests under ASan and UBSan (UNIT=test_x for one)
unit: SANITIZE := address,undefined
unit:
	$(Q)$(MAKE) --no-print-directory BUILD=build/asan SANITIZE=address,undefined UNIT='$(UNIT)' run-units

## tsan: the units of what threads share, and reloads under load, under TSan
tsan:
	$(Q)$(MAKE) --no-print-directory BUILD=build/tsan SANITIZE=thread \
	    UNIT='$(THREADED)' run-units build/tsan/moongate
	$(Q)MOONGATE=build/tsan/moongate RELOADS=30 busted --lua=/usr/bin/lua5.4 --run integration \
	    $(if $(REPORT),-o $(REPORT)) spec/integration/reload_load_spec.lua

## spec: Lua specs of prelude, scripts and JSON
spec: build/spec/gateway_json.so
	$(Q)busted --lua=/usr/bin/lua5.4 --run unit $(if $(REPORT),-o $(REPORT))

## dashboard: what the page's own scripts conclude, without a browser
dashboard:
	$(Q)node --test --test-reporter=tap tests/dashboard/*.test.mjs

## integration: a real gateway and real backends over real sockets, under ASan and UBSan
integration: build/prometheus/promtool build/otlp/installed build/spec/no_netlink.so
	$(Q)$(MAKE) --no-print-directory BUILD=build/asan SANITIZE=address,undefined build/asan/moongate
	$(Q)MOONGATE=build/asan/moongate busted --lua=/usr/bin/lua5.4 --run integration $(if $(REPORT),-o $(REPORT))

## soak: a thousand reloads under load, with the optimized binary (not part of test: some minutes)
soak: all
	$(Q)SOAK=1 RELOADS=$(or $(RELOADS),1000) MOONGATE=$(BUILD)/moongate busted \
	    --lua=/usr/bin/lua5.4 --run integration spec/integration/reload_load_spec.lua

## test-compose: the containers, with a real engine, where one answers (docker info); two minutes
test-compose: deps-test
	$(Q)tests/compose/run
.PHONY: test-compose

## simulate: what an outage does to a backend's load, in virtual time; draws docs/resilience.svg
simulate: $(BUILD)/simulate
	$(Q)$< docs/resilience.svg

## fuzz: every fuzz target for FUZZ_SECONDS each (60), or FUZZ=name for one
fuzz:
	$(Q)$(MAKE) --no-print-directory BUILD=build/clang CC=clang WERROR=-Wno-unknown-warning-option \
	    SANITIZE=fuzzer-no-link,address,undefined $(patsubst %,build/fuzz/%,$(or $(FUZZ),$(FUZZERS)))
	$(Q)tests/fuzz/run $(or $(FUZZ),$(FUZZERS))

## bench: CPU per request beside nginx with Lua; a table with ratios
bench: deps-bench
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/run

## outage: what clients see while a backend is stopped for 30 s; percentiles, about a minute
outage: deps-test
	$(Q)$(MAKE) --no-print-directory all
	$(Q)MOONGATE=$(BUILD)/moongate lua5.4 tests/bench/outage.lua

## crash: orders while gateway and backends are killed, 100 times and more; a minute (SEED=n)
crash: deps-test
	$(Q)$(MAKE) --no-print-directory all
	$(Q)MOONGATE=$(BUILD)/moongate lua5.4 tests/crash/main.lua

## docs: docs/scripting.md, made of docs/reference/head.md and the types
docs:
	$(Q)lua5.4 docs/reference/main.lua >docs/scripting.md.tmp && mv docs/scripting.md.tmp docs/scripting.md

## bench-journal: what the journal does in BENCH_SECONDS (3) each with 1, 64 and 200 at a time
bench-journal: $(BUILD)/bench/journal
	$(Q)tests/bench/in_folder $< $(or $(BENCH_SECONDS),3)

## bench-orders: orders per second with the journal on the disk and in memory; fsyncs per order
bench-orders: deps-bench
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/in_folder tests/bench/orders

## journal-million: start and size of a journal of COUNT (1000000) finished orders; a minute or two
journal-million: $(BUILD)/bench/journal_million
	$(Q)tests/bench/in_folder $< $(or $(COUNT),1000000)

## screenshots: docs/dashboard-*.png, anew, of a shop with trouble; about two minutes
screenshots: deps-screenshots build/spec/no_netlink.so
	$(Q)$(MAKE) --no-print-directory all
	$(Q)MOONGATE=$(BUILD)/moongate lua5.4 tests/screenshots/main.lua

## vendor: fetch anew what the dashboard's package-lock.json names of npm, for it and its spec
vendor: deps-vendor
	$(Q).ci/vendor

## fmt: format the C sources in place
fmt:
	$(Q)clang-format -i $(shell find core tests -name '*.[ch]')

## man: build/moongate.1, the manual page, of deploy/man and what `moongate help` says
man: $(BUILD)/moongate.1

## install: install into PREFIX (/usr/local), below DESTDIR if that is set
install: all man
	$(Q)install -D -m 755 $(BUILD)/moongate $(DESTDIR)$(PREFIX)/bin/moongate
	$(Q)find -L scripts -type f -exec install -D -m 644 {} $(DESTDIR)$(PREFIX)/share/moongate/{} \;
	$(Q)install -D -m 644 core/lua/prelude/types.lua $(DESTDIR)$(PREFIX)/share/moongate/types.lua
	$(Q)install -D -m 644 $(BUILD)/moongate.1 $(DESTDIR)$(PREFIX)/share/man/man1/moongate.1
	$(Q)install -d $(DESTDIR)$(unitdir)
	$(Q)sed 's,@bindir@,$(PREFIX)/bin,; s,@scripts@,$(scriptsdir),' deploy/systemd/moongate.service.in \
	    >$(DESTDIR)$(unitdir)/moongate.service

## dist: build/moongate-VERSION.tar.gz of what is committed; the same commit, the same bytes
dist:
	$(Q)deploy/release/dist build

## deb: a Debian package of what is committed, in build/deb
deb: deps-deb
	$(Q)deploy/release/deb build

## test-deploy: manifests, unit, manual page, release (part of test)
test-deploy: all
	$(Q)tests/deploy/run

## test-deb: the Debian package on a bare Debian 12, where a container engine answers
test-deb: deb
	$(Q)tests/deploy/deb

## clean: remove what was built
clean:
	$(Q)rm -rf build

## help: this list
help:
	$(Q)sed -n 's/^## \([a-z-]*\): /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

# --- how it is built ---

$(BUILD)/moongate: $(OBJECTS)
	$(Q)echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c Makefile
	$(Q)mkdir -p $(@D)
	$(Q)echo "  CC   $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Compiled anew when the version is another one, and only then.
VERSIONED := $(BUILD)/core/base/version.o
$(VERSIONED): CPPFLAGS += -DGW_VERSION='"$(VERSION)"'
$(VERSIONED): $(BUILD)/version
$(BUILD)/version: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)version='$(VERSION)'; [ "$$version" = "$$(cat $@ 2>/dev/null)" ] || echo "$$version" >$@

$(BUILD)/moongate.1: deploy/man/moongate.1.in deploy/man/page $(BUILD)/moongate
	$(Q)$(BUILD)/moongate help | deploy/man/page $< >$@.tmp && mv $@.tmp $@

# Files that travel inside the binary: each folder's as one C table, see core/base/embedded.h.
define embed
$(Q)mkdir -p $(@D)
$(Q)core/base/embed.sh $(1) $(2) $(filter $(2)/%,$^) >$@.tmp && mv $@.tmp $@
endef

$(BUILD)/core/lua/prelude.gen.c: $(PRELUDE) core/base/embed.sh
	$(call embed,gw_prelude_files,core/lua/prelude)

$(BUILD)/core/admin/files.gen.c: $(ADMIN) core/base/embed.sh
	$(call embed,gw_admin_files,core/admin)

$(EMBEDDED:.c=.o): %.o: %.c
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# These do not mind which version it is: they need one, but are not linked anew for it.
UNVERSIONED := $(filter-out $(VERSIONED),$(LIBRARY))

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(UNVERSIONED) | $(VERSIONED)
	$(Q)mkdir -p $(@D)
	$(Q)echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $| $(LDLIBS) -lcmocka

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(UNVERSIONED) | $(VERSIONED)
	$(Q)mkdir -p $(@D)
	$(Q)echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $| $(LDLIBS)

# The simulation is made of policy alone: no loop, no wires, no Lua.
SIMULATION := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/simulate/*.c))
$(BUILD)/simulate: $(SIMULATION) $(filter $(BUILD)/core/policy/% $(BUILD)/core/base/%,$(LIBRARY))
	$(Q)echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

run-units: $(if $(UNIT),$(UNIT:%=$(BUILD)/unit/%),$(UNITS))
	$(Q)status=0; for unit in $^; do $$unit || status=1; done; exit $$status

# Our JSON as a Lua module of its own, for specs and the bench.
JSON_SOURCES := core/lua/secret.c $(wildcard core/lua/json*.c) $(filter-out core/base/version.c,$(wildcard core/base/*.c))
build/spec/gateway_json.so: $(JSON_SOURCES) $(wildcard core/lua/json*.h core/base/*.h)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -g -O2 -std=c11 -shared -fPIC -o $@ $(JSON_SOURCES) -lm

# OpenTelemetry's protobuf classes, for tests/otlp/check.js.
build/otlp/installed: tests/otlp/package.json tests/otlp/package-lock.json
	$(Q)mkdir -p $(@D) && cp $^ $(@D)
	$(Q)npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	$(Q)touch $@

# For the browser that the dashboard's spec drives.
build/spec/no_netlink.so: tests/browser/no_netlink.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -O2 -std=c11 -Wall -Wextra $(WERROR) -shared -fPIC -o $@ $<

# The whole core but main, under clang's libFuzzer and sanitizers; see `fuzz`.
build/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIBRARY)
	$(Q)mkdir -p $(@D)
	$(Q)echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

# Debian packages, by purpose. As root what is missing is installed; otherwise the command is shown.
deps-build deps-test deps-bench deps-deb deps-screenshots deps-vendor: deps-%:
	$(Q).ci/deps $*

deps-test: build/prometheus/promtool
build/prometheus/promtool:
	$(Q).ci/prometheus

-include $(OBJECTS:.o=.d) $(SIMULATION:.o=.d) $(UNITS:$(BUILD)/unit/%=$(BUILD)/tests/unit/%.d)

.PHONY: all run test lint unit tsan spec integration soak simulate fuzz bench outage crash docs \
    bench-journal bench-orders journal-million fmt man install dist deb test-deploy test-deb clean help run-units \
    FORCE deps-build deps-test deps-bench deps-deb \
    dashboard screenshots vendor deps-screenshots deps-vendor
.SECONDARY:
