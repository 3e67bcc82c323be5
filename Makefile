# SPDX-License-Identifier: MIT
#
# Shortcuts; Meson does the work. Variables:
#   BUILD    the build directory
#   PREFIX   where `make install` puts things, DESTDIR before that
#   OPTIONS  further options for meson setup, such as -Dmhp_debug=2
#   CONFORMANCE  options for scripts/conformance/main.py, such as --shard 1/4

BUILD = build
PREFIX = /usr/local
DESTDIR =
OPTIONS =
CONFORMANCE =

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

demo: all
	$(BUILD)/mhp demo

check: all
	meson test -C $(BUILD) --no-rebuild --print-errorlogs

conformance: all
	scripts/install-deps.sh --conformance
	scripts/conformance/main.py --tool $(BUILD)/mhp $(CONFORMANCE)

bench: all
	$(BUILD)/mhp bench

install: all
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

format:
	git ls-files '*.c' '*.h' | xargs clang-format-14 -i

clean:
	rm -rf $(BUILD)

deps:
	@scripts/install-deps.sh

$(BUILD)/build.ninja: | deps
	meson setup $(BUILD) --wrap-mode=nodownload --prefix=$(PREFIX) $(OPTIONS)

.PHONY: all demo check conformance bench install format clean deps
