/* SPDX-License-Identifier: MIT */
/* The gate of a memmap that moves; see gate.h. */
#include "gate.h"

#include "block.h"

void gate_pass(struct mhp *m)
{
	uint64_t gate = mhp_port_load(&m->gate);

	for (;;) {
		if (gate & GATE_FROZEN) {
			mhp_port_relax();
			gate = mhp_port_load(&m->gate);
		} else if (mhp_port_cas(&m->gate, &gate, gate + 1)) {
			return;
		}
	}
}

/* Not mhp_port_add(): what was done inside must be seen by who freezes. */
void gate_out(struct mhp *m)
{
	uint64_t gate = mhp_port_load(&m->gate);

	while (!mhp_port_cas(&m->gate, &gate, gate - 1))
		;
}

static void gate_hold_cpu(struct mhp *m)
{
	if (m->ops->hold_cpu)
		m->ops->hold_cpu(m->ops_ctx);
}

static void gate_release_cpu(struct mhp *m)
{
	if (m->ops->release_cpu)
		m->ops->release_cpu(m->ops_ctx);
}

void gate_freeze(struct mhp *m)
{
	for (;;) {
		uint64_t nobody = 0;

		gate_hold_cpu(m);
		if (mhp_port_cas(&m->gate, &nobody, GATE_FROZEN))
			return;
		gate_release_cpu(m);
		mhp_port_relax();
	}
}

void gate_thaw(struct mhp *m)
{
	mhp_port_store_release(&m->gate, 0);
	gate_release_cpu(m);
}

void gate_move_begin(struct mhp *m)
{
	mhp_port_store_release(&m->moves, mhp_port_load(&m->moves) + 1);
}

void gate_move_end(struct mhp *m)
{
	mhp_port_store_release(&m->moves, mhp_port_load(&m->moves) + 1);
}

bool gate_await(struct mhp *m, uint64_t before)
{
	uint64_t now = mhp_port_load_seq(&m->moves);

	if (now == before && !(now & 1))
		return false;
	/* The mover's own: it would wait for itself. */
	if (mhp_port_load(&m->holder) == mhp_port_self())
		return false;
	return !(now & 1) ||
	       (m->ops->wait_move && m->ops->wait_move(m->ops_ctx));
}
