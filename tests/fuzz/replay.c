/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replay - runs a fuzz target over the files of its corpus (argv[1], or $top_srcdir/tests/fuzz/corpus/<name>) and speaks TAP: every input ever accepted as a
   crash stays a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	if (!f || fstat(fileno(f), &st) < 0) {
		perror(path);
		exit(1);
	}
	if (!S_ISREG(st.st_mode)) {
		fclose(f);
		return 0;
	}
	uint8_t *data = malloc((size_t)st.st_size + 1);
	size_t n = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	char path[4096], file[4400];
	const char *name = strrchr(argv[0], '/');
	name = name ? name + 1 : argv[0];
	name = strncmp(name, "fuzz_", 5) ? name : name + 5;
	const char *src = getenv("top_srcdir");
	if (argc > 1)
		snprintf(path, sizeof path, "%s", argv[1]);
	else
		snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", src ? src : ".", name);
	DIR *d = opendir(path);
	if (!d) {
		perror(path);
		return 1;
	}
	int n = 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		n += replay_file(file);
	}
	closedir(d);
	printf("%s 1 - %d inputs of %s\n1..1\n", n ? "ok" : "not ok", n, path);
	return n ? 0 : 1;
}
