# avatar-chat: the verbs. Each installs what it needs first (tools/setup.sh, tools/fetch_models.sh) and is quick the second time.
#   make run      install, build, start; the page is on http://localhost:8000
#   make test     every test: C (unit, integration, fuzz corpora), web (Vitest), browser (Playwright)
#   make build    the program (build/avatar-chat) and the page (web/apps/chat/dist)
#   make asan | tsan    the C tests under AddressSanitizer + UBSan | ThreadSanitizer
#   make lint | fmt     style and static checks | format the C code
#   make bench    figures: encoder, pipeline, beside the ffmpeg-pipe way
#   make install | uninstall    PREFIX=/usr/local DESTDIR=   with a service for systemd (docs/deployment.md)
#   make deb      a Debian package, build/avatar-chat_VERSION_ARCH.deb
#   make cert     a certificate for https here and in the local network (data/cert; ARGS="192.168.1.7 NAME")
SHELL := /bin/sh
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
ARGS ?=

.PHONY: run build test test-c test-web test-e2e asan tsan fuzz lint fmt bench cert install uninstall deb clean setup-build setup-test setup-lint web

run: build
	@echo "avatar-chat: http://localhost:8000"
	./$(BUILD)/avatar-chat serve $(ARGS)

setup-build setup-test setup-lint: setup-%:
	@tools/setup.sh $*
	@tools/fetch_models.sh

build: setup-build
	@tools/build.sh $(BUILD) -DAC_TESTS=OFF
	@tools/build_web.sh

web: setup-build
	@tools/build_web.sh

test: test-c test-web test-e2e
	@echo "all tests passed"

test-c: setup-test
	@tools/build.sh $(BUILD)-test -DAC_TESTS=ON
	cd $(BUILD)-test && ctest --output-on-failure -j $(JOBS)

test-web: setup-test
	@tools/build_web.sh
	cd web && npm test

test-e2e: setup-test
	@tools/build.sh $(BUILD)-test -DAC_TESTS=ON
	@tools/build_web.sh
	cd web && AVATAR_CHAT_BIN=$(CURDIR)/$(BUILD)-test/avatar-chat npm run e2e

asan: setup-test
	@tools/build.sh $(BUILD)-asan -DAC_TESTS=ON -DAC_ASAN=ON
	cd $(BUILD)-asan && ctest --output-on-failure -j $(JOBS)

tsan: setup-test
	@tools/build.sh $(BUILD)-tsan -DAC_TESTS=ON -DAC_TSAN=ON
	cd $(BUILD)-tsan && ctest --output-on-failure -j $(JOBS)

fuzz: setup-test
	@CC=clang tools/build.sh $(BUILD)-fuzz -DAC_TESTS=ON -DAC_FUZZ=ON
	@tools/fuzz.sh $(BUILD)-fuzz

lint: setup-lint
	@tools/build.sh --configure $(BUILD)-test -DAC_TESTS=ON
	@tools/lint.sh $(BUILD)-test

fmt: setup-lint
	find src include test bench -name '*.[ch]' | xargs clang-format -i

bench: build
	@tools/build.sh $(BUILD) -DAC_TESTS=OFF bench
	./$(BUILD)/avatar-chat bench say
	./$(BUILD)/avatar-chat bench vad

cert:
	@tools/cert.sh data/cert $(ARGS)

install: build
	DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

uninstall: # configuration and conversations stay
	@DESTDIR=$(DESTDIR) deploy/uninstall.sh $(BUILD)/install_manifest.txt

deb: build
	cd $(BUILD) && cpack -G DEB

clean:
	rm -rf $(BUILD) $(BUILD)-test $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz web/node_modules web/apps/chat/dist
