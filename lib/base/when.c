/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t clock_ms(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t when_boot_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

int64_t when_span_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t when_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

char *when_format(int64_t wall_ms, char out[WHEN_TEXT_MAX])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	int ms = (int)(wall_ms % 1000);
	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	struct tm tm;
	char text[24];
	if (!gmtime_r(&seconds, &tm) || tm.tm_year > 8099 || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(out, WHEN_TEXT_MAX, "1970-01-01T00:00:00.000Z");
	else
		snprintf(out, WHEN_TEXT_MAX, "%s.%03dZ", text, ms);
	return out;
}

static int digits(const char **p, int count)
{
	int v = 0;
	for (int i = 0; i < count; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + **p - '0';
	}
	return v;
}

static int literal(const char **p, const char *set)
{
	if (!**p || !strchr(set, **p))
		return -1;
	return *(*p)++;
}

int when_parse(const char *text, int64_t *wall_ms)
{
	const char *p = text;
	int year = digits(&p, 4);
	int d1 = literal(&p, "-"), month = d1 < 0 ? -1 : digits(&p, 2);
	int d2 = month < 0 ? -1 : literal(&p, "-"), day = d2 < 0 ? -1 : digits(&p, 2);
	int t = day < 0 ? -1 : literal(&p, "Tt "), hour = t < 0 ? -1 : digits(&p, 2);
	int c1 = hour < 0 ? -1 : literal(&p, ":"), minute = c1 < 0 ? -1 : digits(&p, 2);
	int c2 = minute < 0 ? -1 : literal(&p, ":"), second = c2 < 0 ? -1 : digits(&p, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second < 0 || second > 60)
		return -1;
	int ms = 0;
	if (*p == '.') {
		p++;
		int scale = 100, any = 0;
		for (; *p >= '0' && *p <= '9'; p++, scale /= 10, any = 1)
			ms += (*p - '0') * scale;
		if (!any)
			return -1;
	}
	int offset = 0, sign = literal(&p, "Zz+-");
	if (sign == '+' || sign == '-') {
		int h = digits(&p, 2), c = h < 0 ? -1 : literal(&p, ":"), m = c < 0 ? -1 : digits(&p, 2);
		if (h < 0 || h > 23 || m < 0 || m > 59)
			return -1;
		offset = (h * 60 + m) * (sign == '+' ? 60 : -60);
	} else if (sign < 0) {
		return -1;
	}
	if (*p)
		return -1;
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second };
	time_t seconds = timegm(&tm);
	if (tm.tm_mday != day && second != 60)
		return -1;   /* 30 February */
	*wall_ms = ((int64_t)seconds - offset) * 1000 + ms;
	return 0;
}

int64_t duration_parse(const char *text)
{
	int64_t total = 0;
	const char *p = text;
	if (!*p)
		return -1;
	while (*p) {
		int64_t v = 0;
		int any = 0;
		for (; *p >= '0' && *p <= '9'; p++, any = 1)
			if ((v = v * 10 + *p - '0') > UINT32_MAX)
				return -1;
		if (!any)
			return -1;
		int64_t unit = 1;
		switch (*p) {
		case 'd': unit = 86400; p++; break;
		case 'h': unit = 3600; p++; break;
		case 'm': unit = 60; p++; break;
		case 's': p++; break;
		case '\0': break;
		default: return -1;
		}
		if ((total += v * unit) > UINT32_MAX)
			return -1;
	}
	return total;
}

char *duration_format(int64_t seconds, char out[WHEN_TEXT_MAX])
{
	long long h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;
	if (seconds < 0)
		snprintf(out, WHEN_TEXT_MAX, "indefinite");
	else if (seconds <= 90 || (!h && s && !m))
		snprintf(out, WHEN_TEXT_MAX, "%llds", (long long)seconds);
	else if (!h)
		s ? snprintf(out, WHEN_TEXT_MAX, "%lldm%llds", m, s) : snprintf(out, WHEN_TEXT_MAX, "%lldm", m);
	else if (s)
		snprintf(out, WHEN_TEXT_MAX, "%lldh%lldm%llds", h, m, s);
	else
		m ? snprintf(out, WHEN_TEXT_MAX, "%lldh%lldm", h, m) : snprintf(out, WHEN_TEXT_MAX, "%lldh", h);
	return out;
}
