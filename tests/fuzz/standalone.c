/* main() for fuzz targets where there is no libFuzzer: runs the target once on each file given, in a heap block
 * of exactly the file's size. A directory stands for the files in it. Without arguments, the program replay_X
 * takes the directory $srcdir/tests/fuzz/corpus/X: so `make check` replays the corpus with any compiler.
 * Exit status 0, or 1 when something could not be read or there was nothing to run. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 20, NAME_LEN = 1024 };

static unsigned ran, failed;

static void run_file(const char *path)
{
	static uint8_t room[INPUT_MAX];
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		failed++;
		return;
	}
	size_t n = fread(room, 1, sizeof room, f);
	uint8_t *exact = malloc(n);
	if (n)
		memcpy(exact, room, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	fclose(f);
	ran++;
}

static void run_path(const char *path)
{
	DIR *d = opendir(path);

	if (!d) {
		run_file(path);
		return;
	}
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		char inside[2 * NAME_LEN];
		if (e->d_name[0] == '.')
			continue;
		snprintf(inside, sizeof inside, "%s/%s", path, e->d_name);
		run_file(inside);
	}
	closedir(d);
}

int main(int argc, char **argv)
{
	static const char prefix[] = "replay_";
	const char *name = strrchr(argv[0], '/'), *srcdir = getenv("srcdir");
	char path[NAME_LEN];

	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	if (argc < 2) {
		name = name ? name + 1 : argv[0];
		if (strncmp(name, prefix, strlen(prefix)) == 0)
			name += strlen(prefix);
		snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name);
		run_path(path);
	}
	printf("%u inputs\n", ran);
	return ran == 0 || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
