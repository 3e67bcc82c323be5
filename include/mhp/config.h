/* SPDX-License-Identifier: MIT */
/*
 * Compile-time options, all of them. Everything else is run-time data.
 *
 * The options are part of the name of the init symbol (see mhp_init in mhp.h):
 * translation units built with different options do not link together.
 */
#ifndef MHP_CONFIG_H
#define MHP_CONFIG_H

/**
 * MHP_DEBUG - 0: no assertions; 1: assertions of constant cost;
 * 2: also those that walk structures
 */
#ifndef MHP_DEBUG
#define MHP_DEBUG 1
#endif

#if MHP_DEBUG < 0 || MHP_DEBUG > 2
#error "MHP_DEBUG must be 0, 1 or 2"
#endif

/* The version of the binary interface. */
#define MHP_ABI_VERSION 1

#define MHP_CONFIG_PASTE2(name, abi, debug) name##_v##abi##_d##debug
#define MHP_CONFIG_PASTE(name, abi, debug) MHP_CONFIG_PASTE2(name, abi, debug)
/** MHP_CONFIG_NAME() - a symbol that carries the options in its name */
#define MHP_CONFIG_NAME(name) MHP_CONFIG_PASTE(name, MHP_ABI_VERSION, MHP_DEBUG)

#endif
