/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/channel.h"

void channel_own(struct channel *c, const struct channel_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
}
