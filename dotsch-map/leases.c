/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "leases.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEASES_MAX 65536     /* entries of one file */
#define NAME_ROOM 64

struct lease { struct prefix address; uint8_t mac[6]; bool has_mac; char name[NAME_ROOM]; };

struct leases {
	char *path;
	struct timespec changed;
	struct lease *v;
	size_t n, cap;
};

static bool parse_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];
	char rest;
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &rest) != 6)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

/* The name goes into a line for people: letters, digits, dots, dashes, underscores. "*" is dnsmasq's "none". */
static bool good_name(const char *s)
{
	size_t n = strlen(s);
	return n && n < NAME_ROOM && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == n;
}

static void add(struct leases *l, const char *address, const char *mac, const char *name)
{
	struct lease e = { 0 };
	if (!good_name(name) || prefix_parse(address, true, &e.address) < 0 || !prefix_is_host(&e.address) || l->n == LEASES_MAX)
		return;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct lease *v = realloc(l->v, cap * sizeof *v);
		if (!v)
			return;
		l->v = v;
		l->cap = cap;
	}
	e.has_mac = mac && parse_mac(mac, e.mac);
	memcpy(e.name, name, strlen(name) + 1);
	l->v[l->n++] = e;
}

/* Cuts at any of `separators`, empty fields kept only for a comma. */
static size_t cut(char *line, const char *separators, char *field[], size_t max)
{
	size_t n = 0;
	bool csv = *separators == ',';
	while (line && n < max) {
		char *next = line + strcspn(line, separators);
		bool last = !*next;
		*next = '\0';
		if (csv || *line)
			field[n++] = line;
		line = last ? NULL : next + 1;
	}
	return n;
}

/* dnsmasq: "1700000000 02:00:00:00:00:66 192.168.1.66 camera 01:…"
   odhcpd:  "# br-lan 00010001… 1 camera 1700000000 66 128 2001:db8:123::66/128", and for IPv4 "# br-lan 020000000066 ipv4 camera 1700000000 42 32 192.168.1.66/32"
   kea:     "192.168.1.66,02:00:00:00:00:66,01:…,4000,1700000000,1,0,0,camera,0,,0" */
static void read_line(struct leases *l, char *line)
{
	char *f[16] = { 0 };
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '#') {
		size_t n = cut(line + 1, " \t", f, 16);
		for (size_t i = 7; i < n; i++) {
			char *slash = strchr(f[i], '/');
			if (slash)
				*slash = '\0';
			add(l, f[i], NULL, f[3]);
		}
	} else if (strchr(line, ',')) {
		size_t n = cut(line, ",", f, 16);
		if (n >= 9) {
			char *dot = f[8] + strlen(f[8]);
			if (dot > f[8] && dot[-1] == '.')
				dot[-1] = '\0';
			add(l, f[0], f[1], f[8]);
		}
	} else if (cut(line, " \t", f, 16) >= 4) {
		add(l, f[2], f[1], f[3]);
	}
}

static void refresh(struct leases *l)
{
	struct stat st;
	if (stat(l->path, &st) < 0) {
		l->n = 0;
		l->changed = (struct timespec){ 0 };
		return;
	}
	if (st.st_mtim.tv_sec == l->changed.tv_sec && st.st_mtim.tv_nsec == l->changed.tv_nsec)
		return;
	FILE *file = fopen(l->path, "re");
	if (!file)
		return;
	char line[1024];
	l->n = 0;
	while (fgets(line, sizeof line, file))
		read_line(l, line);
	fclose(file);
	l->changed = st.st_mtim;
}

struct leases *leases_new(const char *path)
{
	struct leases *l = calloc(1, sizeof *l);
	if (!l || !(l->path = strdup(path))) {
		free(l);
		return NULL;
	}
	return l;
}

void leases_free(struct leases *l)
{
	if (!l)
		return;
	free(l->path);
	free(l->v);
	free(l);
}

const char *leases_name(struct leases *l, const struct prefix *address, const uint8_t *mac)
{
	refresh(l);
	for (size_t i = l->n; i-- > 0;)
		if (prefix_equal(&l->v[i].address, address))
			return l->v[i].name;
	for (size_t i = l->n; mac && i-- > 0;)
		if (l->v[i].has_mac && !memcmp(l->v[i].mac, mac, 6))
			return l->v[i].name;
	return NULL;
}
