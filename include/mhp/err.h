/* SPDX-License-Identifier: MIT */
/*
 * Errors and reports.
 *
 * A call that can fail returns 0 or a negative number with Linux's errno value,
 * so that it passes unchanged through a kernel or a libc. Why it failed is
 * data, not log text: calls with a reason to give take an optional struct
 * mhp_report and fill it with the stage, the reason, the page and the owner
 * concerned. The first reason wins; a report is written by a failing call only,
 * except that a successful add reports a placement that fell back (code is 0
 * then).
 */
#ifndef MHP_ERR_H
#define MHP_ERR_H

#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* name, errno value, text */
#define MHP_ERR_MAP(XX)                                      \
	XX(PERM, 1, "operation not permitted")               \
	XX(NOENT, 2, "no such file, block or object")        \
	XX(INTR, 4, "interrupted")                           \
	XX(IO, 5, "content differs or device failed")        \
	XX(NXIO, 6, "no memory at that address")             \
	XX(2BIG, 7, "outside the addressable range")         \
	XX(AGAIN, 11, "not finished, call again")            \
	XX(NOMEM, 12, "no memory")                           \
	XX(ACCES, 13, "read-only")                           \
	XX(FAULT, 14, "not memory")                          \
	XX(BUSY, 16, "in use")                               \
	XX(EXIST, 17, "exists already")                      \
	XX(NODEV, 19, "no such device")                      \
	XX(NOTDIR, 20, "not a directory")                    \
	XX(ISDIR, 21, "is a directory")                      \
	XX(INVAL, 22, "invalid argument or state")           \
	XX(NFILE, 23, "too many mappings or files")          \
	XX(NOSPC, 28, "no space")                            \
	XX(RANGE, 34, "number out of range")                 \
	XX(DEADLK, 35, "would deadlock: called from inside") \
	XX(NAMETOOLONG, 36, "name too long")                 \
	XX(NOSYS, 38, "not implemented by the port")         \
	XX(OPNOTSUPP, 95, "not supported")                   \
	XX(TIMEDOUT, 110, "deadline passed")                 \
	XX(ALREADY, 114, "already done")                     \
	XX(INPROGRESS, 115, "will complete later")           \
	XX(UCLEAN, 117, "an invariant is broken")            \
	XX(CANCELED, 125, "cancelled")                       \
	XX(HWPOISON, 133, "the memory is bad")

/** Error codes: MHP_ERR_BUSY is -16, and so on. */
enum mhp_err {
	MHP_OK = 0,
#define MHP_ERR_ENUM(name, value, text) MHP_ERR_##name = -(value),
	MHP_ERR_MAP(MHP_ERR_ENUM)
#undef MHP_ERR_ENUM
};

/* name, what the operation was doing */
#define MHP_STAGE_MAP(XX)          \
	XX(NONE, "nothing")        \
	XX(INIT, "init")           \
	XX(ADD, "add")             \
	XX(ONLINE, "online")       \
	XX(OFFLINE, "offline")     \
	XX(REMOVE, "remove")       \
	XX(ALLOC, "allocate")      \
	XX(FREE, "free")           \
	XX(FORECAST, "forecast")   \
	XX(CHECK, "check")         \
	XX(VIEW, "view")           \
	XX(DEVICE, "device")       \
	XX(POISON, "poison")       \
	XX(WITHHOLD, "withhold")   \
	XX(RELEASE, "release")     \
	XX(MOVE, "move a memmap")  \
	XX(LEND, "lend a memmap")  \
	XX(TAKE_BACK, "take back") \
	XX(SPLIT, "split")

/** Which operation a report speaks of. */
enum mhp_stage {
#define MHP_STAGE_ENUM(name, text) MHP_STAGE_##name,
	MHP_STAGE_MAP(MHP_STAGE_ENUM)
#undef MHP_STAGE_ENUM
};

/* name, sentence; the report's fields are appended by mhp_report_text() */
#define MHP_WHY_MAP(XX)                                                       \
	XX(NONE, "no reason recorded")                                        \
	XX(GEOMETRY, "the geometry breaks a rule")                            \
	XX(OPS_MISSING, "a required operation is missing")                    \
	XX(BUFFER_SMALL, "the buffer is smaller than mhp_size_needed()")      \
	XX(EMPTY_RANGE, "the range is empty")                                 \
	XX(UNALIGNED, "start and size must be whole memory blocks")           \
	XX(BEYOND_END, "the range reaches beyond the highest address")        \
	XX(OVERLAP, "memory is already known there")                          \
	XX(BAD_NODE, "no such node")                                          \
	XX(BAD_GROUP, "the group is not registered or of another node")       \
	XX(BAD_ZONE, "that zone cannot be asked for")                         \
	XX(BAD_PLACEMENT, "no such placement")                                \
	XX(BAD_TYPE, "unknown online type or word")                           \
	XX(BAD_ORDER, "the order is larger than a pageblock")                 \
	XX(BAD_REQUEST, "the request is not well formed")                     \
	XX(BAD_OWNER, "no such owner, or it cannot move memory")              \
	XX(NO_BLOCK, "no such memory block")                                  \
	XX(WRONG_STATE, "the block is in another state")                      \
	XX(TRANSITION, "the block is just going on- or offline")              \
	XX(BOOT_MEMORY, "boot memory cannot be removed")                      \
	XX(HOLES, "the block has holes")                                      \
	XX(MANY_ZONES, "the block's pages are in several zones or nodes")     \
	XX(NO_META, "the port gave no memory for records")                    \
	XX(NO_MEMMAP_MEMORY, "no existing memory for the memmap")             \
	XX(MAP_FAILED, "the port could not map")                              \
	XX(PLACEMENT_REFUSED, "the memmap does not fit on the memory itself") \
	XX(FELL_BACK, "the placement asked for could not be had")             \
	XX(LEFT_OFFLINE, "it is there, but not all of it went online")        \
	XX(VETO, "a notifier refused")                                        \
	XX(UNMOVABLE, "the page cannot move")                                 \
	XX(PINNED, "the page is pinned")                                      \
	XX(REFUSED, "the owner refused to move the page")                     \
	XX(NO_TARGET, "no free memory to move the page to")                   \
	XX(IN_FLIGHT, "the page is still being moved")                        \
	XX(ISOLATED, "a pageblock is isolated by somebody else")              \
	XX(DEADLINE, "the deadline passed")                                   \
	XX(CANCELLED, "the operation was cancelled")                          \
	XX(REENTERED, "called from inside a callback that may not")           \
	XX(DOUBLE_FREE, "the page is free already")                           \
	XX(WRONG_ORDER, "the page was allocated with another order")          \
	XX(NOT_OURS, "the pfn is not memory of this instance")                \
	XX(EXHAUSTED, "no free page satisfies the request")                   \
	XX(INVARIANT, "an invariant is broken")                               \
	XX(NO_SLOT, "no such device, or no slot or address space is left")    \
	XX(DEVICE_STATE, "the device is in another state")                    \
	XX(READ_ONLY, "the file is read-only")                                \
	XX(NO_FILE, "no such file")                                           \
	XX(DIRECTORY, "it is a directory")                                    \
	XX(HOST_FAILED, "the host system refused")                            \
	XX(POISON, "the page is bad")                                         \
	XX(NOT_MEMORY, "no memory there that could be taken out")             \
	XX(NOT_BAD, "the page is not known to be bad")                        \
	XX(KEPT, "the page is memmap, state or kept by the embedder")         \
	XX(TABLE_FULL, "no room to remember one more")                        \
	XX(NOT_NEXT, "the pages are not next to the withheld ones")           \
	XX(DEVICE_CONFIG, "the device's configuration breaks a rule")         \
	XX(DEVICE_ANSWER, "the device broke its protocol")                    \
	XX(DEVICE_BUSY, "the device cannot do it now")                        \
	XX(WRITE_ONLY, "the file can only be written")                        \
	XX(HOST_OFFLINE, "the block that holds its memmap is not online")     \
	XX(DEPENDENT, "it holds the memmap of another block")                 \
	XX(NOT_SUBSECTIONS, "start and size must be whole sub-sections")      \
	XX(NO_REMAP, "the port cannot move a memmap that is in use")          \
	XX(WITHHELD, "the pages are withheld")                                \
	XX(LENT, "pages of the memmap are lent")

/** Why a call failed. */
enum mhp_why {
#define MHP_WHY_ENUM(name, text) MHP_WHY_##name,
	MHP_WHY_MAP(MHP_WHY_ENUM)
#undef MHP_WHY_ENUM
};

/** Longest name of an owner, with its terminating zero. */
#define MHP_NAME_MAX 24

/**
 * struct mhp_report - why a call failed, and where
 *
 * Owned by the caller, who need not initialise it. Fields that do not apply are
 * 0 (pfn: MHP_PFN_NONE).
 */
struct mhp_report {
	int code;	      /* what the call returned */
	enum mhp_stage stage; /* what it was doing */
	enum mhp_why why;     /* the reason */
	mhp_pfn_t pfn;	      /* first page concerned, or MHP_PFN_NONE */
	uint8_t order;	      /* order of the allocation at pfn */
	uint64_t nr_pages;    /* of that allocation; order is the smallest that
				 holds them */
	uint16_t owner;	      /* owner of the allocation, 0: none */
	uint32_t pins;	      /* pin count the owner gave */
	uint32_t rule;	      /* number of the broken invariant or rule */
	const char *detail;   /* static text: what would be right; or NULL */
	char owner_name[MHP_NAME_MAX];
};

/**
 * mhp_strerror() - the text of an error code
 *
 * @err: 0 or a negative errno value
 *
 * Context: any.
 * Return: a static string; never NULL.
 */
MHP_API const char *mhp_strerror(int err);

/**
 * mhp_errname() - the symbol of an error code, such as "EBUSY"
 *
 * @err: 0 or a negative errno value
 *
 * Context: any.
 * Return: a static string; "E?" for a number that is not in MHP_ERR_MAP.
 */
MHP_API const char *mhp_errname(int err);

/**
 * mhp_report_text() - render a report as one sentence
 *
 * @report: what to render
 * @text: receives the sentence, always terminated; cut when too long
 * @size_bytes: room in @text, at least 1
 *
 * Context: any.
 * Return: length of the whole sentence, which may exceed @size_bytes - 1.
 */
MHP_API size_t mhp_report_text(const struct mhp_report *report, char *text,
			       size_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
