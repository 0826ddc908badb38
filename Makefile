# Vitrine: `make help` lists what there is to make. Everything is built below build/.
#
# VARIANT=asan    the address and undefined-behaviour sanitizers, in build/asan
# VARIANT=clang   with clang, in build/clang
# VARIANT=notrace without events, in build/notrace: the measure of what they cost
# VARIANT=fuzz    the fuzz targets, in build/fuzz: clang, libFuzzer and both sanitizers
# MBEDTLS_DIR=DIR an mbedTLS build of your own instead of the one that scripts/mbedtls makes
# V=1             shows the commands

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

BUILD := build$(if $(VARIANT),/$(VARIANT))
Q := $(if $(V),,@)
export MBEDTLS_DIR

# --- flags ----------------------------------------------------------------------------------------

ifeq ($(origin CC),default)
CC := $(if $(filter clang fuzz,$(VARIANT)),clang,gcc)
endif
OPT := -O2
ifeq ($(VARIANT),asan)
OPT := -O1
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
endif
ifeq ($(VARIANT),fuzz)
OPT := -O1
SAN := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
endif
ifeq ($(VARIANT),notrace)
DEFINES := -DVITRINE_NO_TRACE
endif
WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS ?=
LDFLAGS ?=
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -I. $(DEFINES) $(OPT) -g -fno-omit-frame-pointer $(WARN) $(SAN) $(CFLAGS)
ALL_LDFLAGS = $(SAN) $(LDFLAGS)

MBEDTLS := $(or $(MBEDTLS_DIR),build/mbedtls)
MBEDTLS_LIB := $(if $(MBEDTLS_DIR),$(firstword $(wildcard $(MBEDTLS)/lib $(MBEDTLS)/library)),$(MBEDTLS)/lib)
MBEDTLS_LIBS := $(foreach l,tls x509 crypto,$(MBEDTLS_LIB)/libmbed$l.a)
# What mbedTLS asks of itself and an engine may answer (tls/arithmetic_hooks.c, which has to be there then).
MBEDTLS_WRAPPED := ecp_mul ecp_mul_restartable ecp_muladd_restartable mpi_exp_mod mpi_exp_mod_unsafe mpi_gcd_modinv_odd \
	sha256_update sha256_finish
MBEDTLS_LINK := $(MBEDTLS_WRAPPED:%=-Wl,--wrap=mbedtls_%) -Wl,-u,__wrap_mbedtls_ecp_mul $(MBEDTLS_LIBS)
MBEDTLS_CFLAGS := -isystem $(MBEDTLS)/include
CHECK_CFLAGS = $(shell pkg-config --cflags check)
CHECK_LIBS = $(shell pkg-config --libs check)

# Libraries that are used where their headers are: io_uring for frames in batches (stack/link/tap_ring.c; without it
# a call each), OpenSSL's libcrypto and Intel's ipsec-mb as engines (tls/aead_engines.h). They are looked for
# when the first thing is linked and not before, because the set-up that installs them is a rule as well.
compiles = $(shell printf '$(1)' | $(CC) $(CFLAGS) -I. -E - >/dev/null 2>&1 && echo $(2))
URING_LIBS = $(eval URING_LIBS := $(call compiles,\043include <liburing.h>,-luring))$(URING_LIBS)
has_engine = $(call compiles,\043include "tls/aead_engines.h"\n\043ifndef $(1)\n\043error\n\043endif\n,$(2))
CRYPTO_LIBS = $(eval CRYPTO_LIBS := $(call has_engine,AEAD_IPSEC_MB,-lIPSec_MB) $(or $(call \
	has_engine,AEAD_LIBCRYPTO,-lcrypto),$(info no headers of libcrypto 3.0 or later)))$(CRYPTO_LIBS)

# --- what there is --------------------------------------------------------------------------------

STACK := $(sort $(wildcard stack/*.c stack/*/*.c))
TLS := $(sort $(wildcard tls/*.c))
APPS := $(sort $(wildcard apps/*.c apps/*/*.c))
PKT := $(sort $(wildcard tests/conformance/*.c))
SIM := $(sort $(wildcard tests/sim/*.c))
UNIT := $(sort $(wildcard tests/unit/*.c tests/unit/*/*.c tests/unit/*/*/*.c))
FUZZ := $(sort $(wildcard tests/fuzz/*.c))
FUZZ_TARGETS := $(sort $(wildcard tests/fuzz/targets/*.c))
FUZZ_SEEDS := tests/fuzz/seeds/main.c
# What the fuzz targets share with other tests.
FUZZ_RIGS := tests/sim/invariants.c tests/unit/link/frames.c tests/unit/tls/pipe_stream.c
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
SUITES := $(patsubst %_test,%,$(basename $(notdir $(filter %_test.c,$(UNIT)))))

.PHONY: all run test unit conformance sim requirements mutants proofs fuzz fuzzers asan lint format bench fresh clean distclean help FORCE
all: $(BUILD)/vitrine ## builds build/vitrine (the default)

$(BUILD)/vitrine: $(call obj,$(APPS)) $(BUILD)/libvitrine-tls.a $(BUILD)/libvitrine-stack.a
$(BUILD)/unit: $(call obj,$(UNIT)) $(BUILD)/libvitrine-apps.a $(BUILD)/libvitrine-tls.a \
	$(BUILD)/libvitrine-pkt.a $(BUILD)/libvitrine-sim.a $(BUILD)/libvitrine-stack.a
$(BUILD)/vitrine-pkt: $(call obj,tests/conformance/main.c) $(BUILD)/libvitrine-pkt.a \
	$(BUILD)/libvitrine-stack.a
$(BUILD)/vitrine-sim: $(call obj,tests/sim/main.c) $(BUILD)/libvitrine-sim.a \
	$(BUILD)/libvitrine-tls.a $(BUILD)/libvitrine-stack.a
$(BUILD)/libvitrine-stack.a: $(call obj,$(STACK))
$(BUILD)/libvitrine-tls.a: $(call obj,$(TLS))
$(BUILD)/bin/%: $(BUILD)/obj/tests/fuzz/targets/%.o $(BUILD)/libvitrine-fuzz.a \
	$(BUILD)/libvitrine-apps.a $(BUILD)/libvitrine-tls.a $(BUILD)/libvitrine-pkt.a \
	$(BUILD)/libvitrine-stack.a $(BUILD)/sources
	@echo "  LINK   $@"
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) \
		$(filter %.a,$^) $(MBEDTLS_LINK) $(CRYPTO_LIBS) $(URING_LIBS) -lm -pthread
$(BUILD)/seeds: $(call obj,$(FUZZ_SEEDS)) $(BUILD)/libvitrine-pkt.a $(BUILD)/libvitrine-stack.a
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^
$(BUILD)/libvitrine-fuzz.a: $(call obj,$(FUZZ) $(FUZZ_RIGS))
.PHONY: link-flags
link-flags: $(BUILD)/libvitrine-tls.a $(BUILD)/libvitrine-stack.a ## says what a program is linked with that embeds the stack and TLS (docs/embedding.md)
	@echo $^ $(MBEDTLS_LINK) $(CRYPTO_LIBS) $(URING_LIBS) -lm -pthread
# Only for tests: they take from it what they call, and so never the main of the command.
$(BUILD)/libvitrine-apps.a: $(call obj,$(APPS))
$(BUILD)/libvitrine-pkt.a: $(call obj,$(PKT))
$(BUILD)/libvitrine-sim.a: $(call obj,$(SIM))
# Where TLS takes its randomness and the time from, in worlds that repeat (tests/sim/tls_end.c).
SIM_WRAPPED := mbedtls_ctr_drbg_random mbedtls_ms_time time

$(BUILD)/vitrine $(BUILD)/unit $(BUILD)/vitrine-pkt $(BUILD)/vitrine-sim: $(BUILD)/sources
	@echo "  LINK   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
		$(if $(filter %/unit %/vitrine-sim,$@),$(SIM_WRAPPED:%=-Wl,--wrap=%)) $(filter %.a,$^) \
		$(if $(filter %/vitrine-pkt,$@),,$(MBEDTLS_LINK) $(CRYPTO_LIBS)) \
		$(if $(filter %/unit,$@),$(CHECK_LIBS)) $(URING_LIBS) -lm -pthread

$(BUILD)/%.a: $(BUILD)/sources
	@echo "  AR     $@"
	$(Q)rm -f $@ && ar qcs $@ $(filter %.o,$^)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@echo "  CC     $<"
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

$(call obj,$(TLS) $(APPS) $(SIM) $(UNIT) $(FUZZ) $(FUZZ_TARGETS)): EXTRA_CFLAGS += $(MBEDTLS_CFLAGS)
$(call obj,$(UNIT)): EXTRA_CFLAGS += -I$(BUILD)/gen $(CHECK_CFLAGS)

# Nothing compiles before the set-up has run. -MMD leaves system headers out, so what uses mbedTLS says
# itself that it depends on the library.
$(call obj,$(STACK) $(TLS) $(APPS) $(PKT) $(SIM)): | build/setup/run
$(call obj,$(UNIT)): | build/setup/test
$(call obj,$(FUZZ) $(FUZZ_TARGETS) $(FUZZ_RIGS)): | build/setup/fuzz
$(call obj,$(TLS) $(APPS) $(SIM) $(UNIT) $(FUZZ) $(FUZZ_TARGETS)): $(MBEDTLS_LIBS)
$(call obj,tests/unit/main.c): $(BUILD)/gen/suites.def

-include $(patsubst %.o,%.d,$(call obj,$(STACK) $(TLS) $(APPS) $(PKT) $(SIM) $(UNIT) $(FUZZ) \
	$(FUZZ_TARGETS) $(FUZZ_SEEDS)))

# $(call keep,TEXT) writes TEXT to the target unless it has that text already. So other flags, or a file
# that came or went, rebuild what depends on them, and nothing else does.
keep = @mkdir -p $(@D); echo '$(subst ','\'',$(strip $(1)))' | cmp -s - $@ || \
	echo '$(subst ','\'',$(strip $(1)))' >$@
# mbedTLS' headers are system headers, which the lists of dependencies leave out: its stamp stands for them.
$(BUILD)/flags: FORCE | build/setup/run
	$(call keep,$(CC) $(ALL_CFLAGS) $(MBEDTLS) $(shell cat $(MBEDTLS)/stamp 2>/dev/null))
$(BUILD)/sources: FORCE
	$(call keep,$(CC) $(ALL_LDFLAGS) $(STACK) $(TLS) $(APPS) $(PKT) $(SIM) $(UNIT) $(FUZZ))
# tests/unit/**/X_test.c defines X_suite(); tests/unit/main.c runs all that are listed here.
$(BUILD)/gen/suites.def: FORCE
	$(call keep,$(foreach s,$(SUITES),SUITE($s)))

# --- set-up ---------------------------------------------------------------------------------------

build/setup/run: scripts/setup scripts/mbedtls scripts/mirrors tls/mbedtls_config.h
build/setup/test build/setup/lint build/setup/fuzz build/setup/fresh build/setup/bench: scripts/setup
build/setup/test: | build/setup/run
build/setup/bench: | build/setup/test
build/setup/fuzz: | build/setup/test
build/setup/lint build/setup/fresh: | build/setup/run
build/setup/%:
	$(Q)scripts/setup $*
ifdef MBEDTLS_DIR
ifneq ($(shell MBEDTLS_DIR='$(MBEDTLS_DIR)' scripts/mbedtls && echo good),good)
$(error MBEDTLS_DIR cannot be used)
endif
else
$(MBEDTLS_LIBS): build/setup/run ;
endif

# --- what to do with it ---------------------------------------------------------------------------

unit: $(BUILD)/unit ## builds and runs the unit tests (CK_RUN_SUITE=NAME for one suite)
	$(Q)$(BUILD)/unit

conformance: $(BUILD)/vitrine-pkt ## runs the packet scripts of tests/conformance/scripts under virtual time
	$(Q)$(BUILD)/vitrine-pkt tests/conformance/scripts
conformance: grid-test

# Every event in every state of RFC 9293, cell by cell.
GRID := $(sort $(wildcard tests/conformance/grid/*.c))
$(BUILD)/vitrine-grid: $(call obj,$(GRID)) $(BUILD)/libvitrine-pkt.a $(BUILD)/libvitrine-stack.a
	@echo "  LINK   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^
$(call obj,$(GRID)): | build/setup/run
-include $(patsubst %.o,%.d,$(call obj,$(GRID)))
test: $(BUILD)/vitrine-grid
.PHONY: grid grid-test
grid-test: $(BUILD)/vitrine-grid
	$(Q)$(BUILD)/vitrine-grid --compare docs/grid.md
grid: $(BUILD)/vitrine-grid ## writes docs/grid.md: every state by every event, as tests/conformance/grid says
	$(Q)$(BUILD)/vitrine-grid --page >docs/grid.md

sim: $(BUILD)/vitrine-sim ## random worlds under virtual time (SEEDS=N worlds; SEED=S just one, closely)
	$(Q)$(BUILD)/vitrine-sim $(if $(SEED),--seed $(SEED),$(if $(SEEDS),--seeds $(SEEDS)))

# Many links under virtual time, and a table of what flows over them.
SIMGRID := $(sort $(wildcard tests/simgrid/*.c))
$(BUILD)/vitrine-simgrid: $(call obj,$(SIMGRID)) $(BUILD)/libvitrine-stack.a
	@echo "  LINK   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^
$(call obj,$(SIMGRID)): | build/setup/run
-include $(patsubst %.o,%.d,$(call obj,$(SIMGRID)))
test: $(BUILD)/vitrine-simgrid
.PHONY: sim-grid
sim-grid: $(BUILD)/vitrine-simgrid ## writes docs/sim-grid.md: what flows over many links, in virtual time
	$(Q)$(BUILD)/vitrine-simgrid --page >docs/sim-grid.md

.PHONY: docs
docs: all ## writes docs/handbook: what `vitrine explain` says
	$(Q)scripts/handbook

requirements: $(BUILD)/unit $(BUILD)/vitrine-pkt $(BUILD)/vitrine-grid ## runs what holds the RFCs' requirements, writes docs/rfc*.md
	$(Q)rm -rf $(BUILD)/results && mkdir -p $(BUILD)/results
	$(Q)echo $(SUITES) | xargs -P "$$(nproc)" -n 1 sh -c 'CK_RUN_SUITE=$$0 CK_XML_LOG_FILE_NAME=$(BUILD)/results/$$0.xml $(BUILD)/unit >/dev/null' || true
	$(Q)$(BUILD)/vitrine-pkt --tsv tests/conformance/scripts >$(BUILD)/results/scripts.tsv || true
	$(Q)if $(BUILD)/vitrine-grid >/dev/null; then $(BUILD)/vitrine-grid --ids >$(BUILD)/results/grid.tsv; fi
	$(Q)scripts/requirements $(BUILD)/results

# FUZZ_TARGET=NAME fuzzes only that one.
fuzz: ## fuzzes every target for FUZZ_S seconds, 60 unless told (tests/fuzz/README.md)
	$(Q)$(MAKE) VARIANT=fuzz fuzzers
	$(Q)tests/fuzz/run $(FUZZ_TARGET)
fuzzers: $(FUZZ_TARGETS:tests/fuzz/targets/%.c=$(BUILD)/bin/%) $(BUILD)/seeds

run: all ## starts the service in a lab of its own, curls it, keeps serving until Ctrl-C
	$(Q)scripts/lab scripts/run

test: all $(BUILD)/unit $(BUILD)/vitrine-pkt $(BUILD)/vitrine-sim ## unit tests, packet scripts and worlds, plain and sanitized, then end to end
	$(Q)$(MAKE) VARIANT=asan build/asan/vitrine build/asan/unit build/asan/vitrine-pkt build/asan/vitrine-grid build/asan/vitrine-sim
	$(Q)$(MAKE) VARIANT=fuzz fuzzers
	$(Q)scripts/test

proofs: build/setup/run ## bounded proofs of the stack's rooms with CBMC (scripts/proofs NAME for one)
	$(Q)scripts/proofs

mutants: build/setup/test ## plants known faults one at a time and shows which test catches each
	$(Q)tests/mutants/run

asan: ## everything with the sanitizers, in build/asan; runs the unit tests and the packet scripts
	$(Q)$(MAKE) VARIANT=asan all unit conformance

lint: build/setup/lint ## formatting, clang-tidy, cppcheck, floors, function length, gcc and clang
	+$(Q)scripts/lint

format: build/setup/lint ## formats the C files in place
	$(Q)scripts/lint --format

# LOSS_GRID=full: every cell of the grid. LOSS_REPEATS, LOSS_SECONDS, LOSS_TCP: see tests/bench/loss/run.py.
.PHONY: bench-loss
bench-loss: all $(BUILD)/bench-bulk build/setup/test ## Vitrine and Linux over bad links, in turn (LOSS_GRID=full for all of them)
	$(Q)tests/bench/loss/run.py $(if $(LOSS_OUT),--out $(LOSS_OUT))
$(BUILD)/bench-bulk: tests/bench/loss/bulk.c $(BUILD)/flags
	@echo "  CC     $<"
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $<

# What a frame costs to give to a TAP and to take from it: a system call each, or io_uring.
.PHONY: bench-frames
bench-frames: $(BUILD)/bench-frames build/setup/test ## frames a second over a TAP, by calls and in batches, in turn
	$(Q)scripts/lab $(BUILD)/bench-frames
$(BUILD)/bench-frames: tests/bench/wire/frames.c $(BUILD)/flags
	@echo "  LINK   $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< -luring

# Engines of authenticated encryption (tls/aead.h): those of this build.
.PHONY: bench-crypto
bench-crypto: $(BUILD)/bench-crypto ## what a record costs to seal and to open with each crypto engine, in turn
	$(Q)$(BUILD)/bench-crypto
BENCH_CRYPTO := $(sort $(wildcard tests/bench/crypto/*.c))
$(BUILD)/bench-crypto: $(call obj,$(BENCH_CRYPTO)) $(BUILD)/libvitrine-tls.a $(BUILD)/libvitrine-stack.a
	@echo "  LINK   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(MBEDTLS_LINK) $(CRYPTO_LIBS) -lm -pthread
$(call obj,$(BENCH_CRYPTO)): EXTRA_CFLAGS += $(MBEDTLS_CFLAGS)
$(call obj,$(BENCH_CRYPTO)): | build/setup/run
-include $(patsubst %.o,%.d,$(call obj,$(BENCH_CRYPTO)))

.PHONY: bench-recorder
bench-recorder: $(BUILD)/vitrine $(BUILD)/bench-recorder build/setup/test ## what the recorder costs: with and without events, in turn
	$(Q)$(MAKE) VARIANT=notrace build/notrace/vitrine build/notrace/bench-recorder
	$(Q)tests/bench/recorder/run.py
$(BUILD)/bench-recorder: tests/bench/recorder/bulk.c $(BUILD)/libvitrine-stack.a $(BUILD)/flags
	@echo "  LINK   $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(BUILD)/libvitrine-stack.a -lm

# BENCH=ROW,ROW or BENCH=short, BENCH_PAIRS=N, BENCH_SERVE="OPTION…", BENCH_OUT=DIR: see tests/bench/run.py.
bench: all bench-programs ## Vitrine in turn with nginx, the kernel's TCP, lwIP and the TAP's ceiling (BENCH=short: the ten main rows)
	$(Q)tests/bench/run.py
.PHONY: bench-programs
bench-programs: $(BUILD)/bench-client $(BUILD)/bench-kernel $(BUILD)/bench-ceiling $(BUILD)/bench-lwip
	$(Q)$(MAKE) VARIANT=notrace build/notrace/vitrine
$(BUILD)/bench-client: $(sort $(wildcard tests/bench/client/*.[ch]))
$(BUILD)/bench-client: BENCH_LIBS = -lssl -lcrypto
$(BUILD)/bench-kernel: tests/bench/peers/kernel.c
$(BUILD)/bench-ceiling: tests/bench/peers/ceiling.c
$(BUILD)/bench-lwip: $(sort $(wildcard tests/bench/peers/lwip/*.[ch])) $(MBEDTLS_LIBS)
$(BUILD)/bench-lwip: BENCH_CFLAGS = $(MBEDTLS_CFLAGS) -isystem /usr/include/lwip
$(BUILD)/bench-lwip: BENCH_LIBS = $(MBEDTLS_LIBS) -llwip -pthread
$(BUILD)/bench-client $(BUILD)/bench-kernel $(BUILD)/bench-ceiling $(BUILD)/bench-lwip: $(BUILD)/flags | build/setup/bench
	@echo "  CC     $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(BENCH_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.c,$^) $(BENCH_LIBS)

# What the server does, counted by callgrind: exact, and the same at every run with one compiler.
.PHONY: bench-instructions bench-instructions-check
bench-instructions: $(BUILD)/bench-instructions ## counts instructions for each request, MiB, segment, handshake; writes docs/measurements/instructions.md
	$(Q)tests/bench/instructions/run.py
bench-instructions-check: $(BUILD)/bench-instructions ## counts them again and says which have grown
	$(Q)tests/bench/instructions/run.py --check
$(BUILD)/bench-instructions: $(call obj,$(sort $(wildcard tests/bench/instructions/*.c)) tests/bench/client/answer.c) \
	$(BUILD)/libvitrine-apps.a $(BUILD)/libvitrine-tls.a $(BUILD)/libvitrine-stack.a
	@echo "  LINK   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(MBEDTLS_LINK) $(CRYPTO_LIBS) -lssl -lcrypto -lm -pthread
$(call obj,$(sort $(wildcard tests/bench/instructions/*.c)) tests/bench/client/answer.c): EXTRA_CFLAGS += $(MBEDTLS_CFLAGS)
$(call obj,$(sort $(wildcard tests/bench/instructions/*.c)) tests/bench/client/answer.c): | build/setup/bench
-include $(patsubst %.o,%.d,$(call obj,$(sort $(wildcard tests/bench/instructions/*.c)) tests/bench/client/answer.c))

fresh: build/setup/fresh ## `make run` and `make test` in minimal Debian 12 and 13 trees
	$(Q)scripts/fresh

clean: ## removes what was compiled, keeps mbedTLS
	rm -f build/vitrine-grid build/vitrine-simgrid
	rm -rf build/obj build/gen build/asan build/clang build/notrace build/fuzz build/lint build/vitrine build/unit build/vitrine-pkt \
		build/vitrine-sim build/sim build/results build/*.a build/flags build/sources

distclean: ## removes build/ altogether
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
