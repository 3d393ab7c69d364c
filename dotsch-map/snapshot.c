/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "dotsnap3"     /* the format's version is its last character */
#define ORDER_MARK 0x01020304u

/* Written by and for one machine: byte order and record sizes are checked, not converted. */
struct header {
	char magic[8];
	uint64_t checksum;           /* of everything behind it */
	uint64_t size;               /* of the file */
	uint32_t order;
	uint32_t records;            /* sizes of all records, mixed into one number */
	uint32_t counts[SECTIONS];
	uint32_t reserved;
};

/* Four lanes, so that the memory is the limit and not the multiplier. Every flipped bit changes it: each step is a bijection of the lane. */
static uint64_t checksum(const uint8_t *p, size_t len)
{
	uint64_t lane[4] = { 0x243f6a8885a308d3u ^ len, 0x13198a2e03707344u, 0xa4093822299f31d0u, 0x082efa98ec4e6c89u };
	size_t i = 0;
	for (; i + 32 <= len; i += 32)
		for (int k = 0; k < 4; k++) {
			uint64_t w;
			memcpy(&w, p + i + 8 * k, 8);
			lane[k] = (lane[k] ^ w) * 0x9e3779b97f4a7c15u;
			lane[k] = lane[k] << 29 | lane[k] >> 35;
		}
	for (; i < len; i++)
		lane[i % 4] = (lane[i % 4] ^ p[i]) * 0x9e3779b97f4a7c15u + 1;
	uint64_t sum = 0;
	for (int k = 0; k < 4; k++) {
		sum = (sum ^ lane[k]) * 0xbf58476d1ce4e5b9u;
		sum ^= sum >> 31;
	}
	return sum;
}

static uint32_t record_mark(void)
{
	uint32_t mark = 0;
	for (int s = 0; s < SECTIONS; s++)
		mark = mark * 131 + (uint32_t)table_record((enum section)s);
	return mark;
}

static uint64_t padded(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

static uint64_t layout(const uint32_t counts[SECTIONS], uint64_t offsets[SECTIONS])
{
	uint64_t at = padded(sizeof(struct header));
	for (int s = 0; s < SECTIONS; s++) {
		offsets[s] = at;
		at += padded((uint64_t)counts[s] * table_record((enum section)s));
	}
	return at;
}

static int fill(const struct table *t, int fd)
{
	const void *parts[SECTIONS];
	uint64_t offsets[SECTIONS];
	struct header h = { .magic = MAGIC, .order = ORDER_MARK, .records = record_mark() };
	table_parts(t, parts, h.counts);
	h.size = layout(h.counts, offsets);
	/* The room is taken now: when it runs out later, writing to the map ends the program. */
	int full = posix_fallocate(fd, 0, (off_t)h.size);
	if (full) {
		errno = full;
		return -1;
	}
	uint8_t *map = mmap(NULL, h.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -1;
	for (int s = 0; s < SECTIONS; s++)
		if (h.counts[s])
			memcpy(map + offsets[s], parts[s], h.counts[s] * table_record((enum section)s));
	memcpy(map, &h, sizeof h);
	snapshot_seal(map, h.size);
	int status = msync(map, h.size, MS_SYNC);
	munmap(map, h.size);
	return status < 0 ? -1 : fsync(fd);
}

int snapshot_write(const struct table *t, const char *path, struct reason *why)
{
	char *temp;
	struct stat st;
	/* Moving a file into place would put it where a device or a pipe was. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return reason_set(why, REASON_BAD_REQUEST, "", "", "%s: not a regular file", path);
	if (asprintf(&temp, "%s.XXXXXX", path) < 0)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	int fd = mkostemp(temp, O_CLOEXEC);      /* mode 0600 */
	int status = fd < 0 || fill(t, fd) < 0 || rename(temp, path) < 0 ? reason_set(why, REASON_BAD_REQUEST, "", "", "%s: %s", path, strerror(errno)) : 0;
	if (fd >= 0) {
		close(fd);
		if (status < 0)
			unlink(temp);
	}
	free(temp);
	return status;
}

/* A checksum tells damage, not malice or our own mistakes: every number that is followed later is checked once; those of the entries, which are millions, where
   they are used. */
static bool consistent(const struct table *t)
{
	if (t->n_slots < 2 || t->n_slots & (t->n_slots - 1) || t->n_slots <= t->n_addrs || !t->n_strings != !t->n_sources)
		return false;
	if (t->n_strings && t->strings[t->n_strings - 1])
		return false;
	for (uint32_t i = 0; i < t->n_slots; i++)
		if (t->slots[i] > t->n_addrs)
			return false;
	for (uint32_t i = 0; i <= t->n_addrs; i++)
		if (t->addrs[i].at.len > 128 || t->addrs[i].group > t->n_groups || (i && t->addrs[i].group < t->addrs[i - 1].group))
			return false;
	for (uint32_t i = 0; i <= t->n_groups; i++)
		if (t->groups[i].start > t->n_entries || (i && t->groups[i].start < t->groups[i - 1].start) || (i < t->n_groups && t->groups[i].instance >= t->n_instances))
			return false;
	for (uint32_t i = 0; i < t->n_hosts; i++)
		if (t->hosts[i].at.len > 128 || (t->hosts[i].b4 != NONE32 && t->hosts[i].b4 >= t->n_b4s))
			return false;
	for (uint32_t i = 0; i < t->n_dsts; i++)
		if (t->dsts[i].at.len > 128)
			return false;
	return true;
}

static bool consistent_rules(const struct table *t)
{
	for (uint32_t i = 0; i < t->n_instances; i++)
		if (t->instances[i].source >= t->n_sources)
			return false;
	for (uint32_t i = 0; i < t->n_bindings; i++) {
		const struct nat_binding *b = &t->bindings[i];
		if (b->instance >= t->n_instances || b->b4.len > 128 || b->offset + b->psid_len > 16)
			return false;
	}
	for (uint32_t i = 0; i < t->n_rules; i++) {
		const struct nat_rule *r = &t->rules[i];
		unsigned suffix = 128u - r->out.len;
		if (r->kind >= RULE_KINDS || r->in.len > 128 || r->out.len > 128 || r->instance >= t->n_instances)
			return false;
		if (r->kind == RULE_DETERMINISTIC && !r->ports)
			return false;
		if (r->kind == RULE_POOL && r->offset + r->psid_len > 16)
			return false;
		if (r->kind == RULE_MAP && (r->out.len < 96 || r->in.len + r->ea_len > 64 || r->offset + (r->ea_len > suffix ? r->ea_len - suffix : 0) > 16 ||
		                            r->offset + (r->ea_len ? 0 : r->psid_len) > 16))
			return false;
	}
	return true;
}

void snapshot_seal(void *data, size_t len)
{
	uint64_t sum = checksum((const uint8_t *)data + 16, len - 16);
	memcpy((uint8_t *)data + 8, &sum, sizeof sum);
}

struct table *snapshot_parse(const void *data, size_t len, struct reason *why)
{
	const void *parts[SECTIONS];
	uint64_t offsets[SECTIONS];
	struct header h;
	struct table *t = NULL;
	if (len < sizeof h || (memcpy(&h, data, sizeof h), memcmp(h.magic, MAGIC, 8)))
		reason_set(why, REASON_BAD_REQUEST, "", "", "not a snapshot of this version of dotsch-map; make it again with 'dotsch-map compile'");
	else if (h.order != ORDER_MARK || h.records != record_mark())
		reason_set(why, REASON_BAD_REQUEST, "", "", "the snapshot was made on another kind of machine; make it again with 'dotsch-map compile'");
	else if (h.size != len || layout(h.counts, offsets) != len || h.counts[SECTION_ADDRS] < 1 || h.counts[SECTION_GROUPS] < 1)
		reason_set(why, REASON_BAD_REQUEST, "", "", "the snapshot is cut short or damaged: %zu bytes", len);
	else if (checksum((const uint8_t *)data + 16, len - 16) != h.checksum)
		reason_set(why, REASON_BAD_REQUEST, "", "", "the snapshot is damaged: its checksum is wrong");
	else if (!(t = calloc(1, sizeof *t)))
		reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	if (!t)
		return NULL;
	for (int s = 0; s < SECTIONS; s++)
		parts[s] = (const uint8_t *)data + offsets[s];
	table_bind(t, parts, h.counts);
	if (h.counts[SECTION_SPANS] != h.counts[SECTION_ENTRIES] || (h.counts[SECTION_DST_OF] && h.counts[SECTION_DST_OF] != h.counts[SECTION_ENTRIES]) ||
	    !consistent(t) || !consistent_rules(t)) {
		free(t);
		reason_set(why, REASON_BAD_REQUEST, "", "", "the snapshot is damaged: its parts do not fit together");
		return NULL;
	}
	return t;
}

/* A mapped file changes under who uses it: while it is written anew in place, it is gone, and then not what was checked. MAP_FAILED with errno. */
static void *read_whole(int fd, size_t len)
{
	/* cppcheck-suppress invalidFunctionArg ; its table of functions knows no anonymous maps */
	uint8_t *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return map;
	madvise(map, len, MADV_HUGEPAGE);        /* a fault for each 2 MB instead of 4 kB; where there are none, slower is all */
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, map + at, len - at);
		if (n > 0) {
			at += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			int error = n ? errno : EAGAIN;      /* being written: the end of that will be noticed */
			munmap(map, len);
			errno = error;
			return MAP_FAILED;
		}
	}
	return map;
}

struct table *snapshot_open(const char *path, bool copy, struct reason *why)
{
	struct reason what = { 0 };
	struct stat st;
	struct table *t = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		reason_set(why, REASON_BAD_REQUEST, "", "", "%s: %s", path, fd < 0 ? strerror(errno) : "not a regular file");
	} else {
		size_t len = (size_t)st.st_size;
		/* Populated at once: the check reads all of it anyway. */
		void *map = !len ? MAP_FAILED : copy ? read_whole(fd, len) : mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
		if (map == MAP_FAILED) {
			reason_set(&what, REASON_BAD_REQUEST, "", "", "%s", len ? strerror(errno) : "empty");
		} else if ((t = snapshot_parse(map, len, &what))) {
			t->map = map;
			t->map_len = len;
		} else {
			munmap(map, len);
		}
		if (!t)
			reason_set(why, what.code, "", "", "%s: %s", path, what.text);
	}
	if (fd >= 0)
		close(fd);
	return t;
}
