/* config_load from its outside: no memory at any point, limits, the real file system. What
 * the languages mean is in tests/config. */
#include "test_model_util.h"

#include "config/config.h"
#include "mem_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct load {
	struct test_mem m;
	struct mem_files files;
	struct config_paths where;
	struct conf *conf;
	struct psk_set psks;
	struct diags d;
};

static void start(struct load *l, size_t fail_at)
{
	memset(l, 0, sizeof *l);
	test_mem_init(&l->m, fail_at);
	mem_files_init(&l->files);
	psk_set_init(&l->psks, &l->m.mem);
	diags_init(&l->d, &l->m.mem);
}

static void add(struct load *l, const char *path, const char *s)
{
	mem_files_add(&l->files, path, s, strlen(s), 0600);
}

static int load(struct load *l) { return config_load(&l->where, &l->files.io, &l->conf, &l->psks, &l->d); }

static void done(struct load *l)
{
	config_free(l->conf);
	psk_set_fini(&l->psks);
	diags_fini(&l->d);
	test_mem_done(&l->m);
}

static const char rich[] =
	"config setup\n\tuniqueids=no\n"
	"conn %default\n\ttype=transport\n\tauthby=secret\n"
	"include more.conf\n"
	"conn a\n\talso=b\n\tright=192.0.2.1\n\tauto=start\n\tleftupdown=\"/a b\" c\n"
	"conn b\n\tright=vpn.example.org,198.51.100.0/24\n\trightid=@x\n\tleftid=192.0.2.9\n\tauto=add\n"
	"conn bad\n\tlifetime=x\n\tauto=add\n\tnokey\n"
	"ca c\n\tcacert=x\n";
static const char more[] = "conn m\n\tright=192.0.2.7\n\tauto=add\n\tunknown=1\n";
static const char swan[] = "charon { port = 501\n include swan.d/*.conf\n filelog { x { path = /x } } }\nb : charon { }\n";
static const char secrets[] = "a b : PSK \"x\"\n: PSK 0x0102\ninclude s.d/*\nbad\n";

static void add_rich(struct load *l)
{
	add(l, "/etc/ipsec.conf", rich);
	add(l, "/etc/more.conf", more);
	add(l, "/etc/strongswan.conf", swan);
	add(l, "/etc/swan.d/a.conf", "interfaces_use = eth0\nplugins { stroke { secrets_file = /etc/s } }\n");
	add(l, "/etc/s", secrets);
	add(l, "/etc/s.d/1", "c : PSK y\n");
}

/* The n-th request for memory fails, for every n: -ENOMEM or the whole result, never a part. */
static void test_no_memory(void **state)
{
	(void)state;
	size_t n = 1, whole = 0;
	for (int err = -1; err; n++) {
		struct load l;
		start(&l, n);
		add_rich(&l);
		err = load(&l);
		assert_true(err == 0 || err == -ENOMEM);
		assert_true(err ? !l.conf : !!l.conf);
		if (!err) {
			assert_int_equal(l.conf->n_tunnels, 3);
			assert_int_equal(l.conf->n_refused, 1);
			assert_int_equal(l.psks.n, 3);
			whole = l.m.calls;
		} else {
			assert_int_equal(l.psks.n, 0);
		}
		done(&l);
	}
	assert_true(whole > 20);
}

/* A reload without memory leaves the caller's keys alone. */
static void test_failed_reload_keeps_keys(void **state)
{
	(void)state;
	struct load l;
	start(&l, 0);
	add_rich(&l);
	assert_int_equal(load(&l), 0);
	struct conf *running = l.conf;
	l.where.running = running;
	l.m.fail_at = l.m.calls + 10;
	assert_int_equal(load(&l), -ENOMEM);
	assert_null(l.conf);
	assert_int_equal(l.psks.n, 3);
	l.m.fail_at = 0;
	l.conf = running;
	done(&l);
}

static void test_zero_octet(void **state)
{
	(void)state;
	struct load l;
	start(&l, 0);
	mem_files_add(&l.files, "/etc/ipsec.conf", "c\0o\0n\0n\0", 8, 0644);
	assert_int_equal(load(&l), -EINVAL);
	assert_non_null(strstr(l.d.first->text, "zero octet"));
	done(&l);
}

static void test_too_many_files(void **state)
{
	(void)state;
	struct load l;
	start(&l, 0);
	/* 2 + 4 + ... files before the depth is reached */
	add(&l, "/etc/ipsec.conf", "include a.conf\ninclude a.conf\ninclude a.conf\n");
	add(&l, "/etc/a.conf", "include b.conf\ninclude b.conf\ninclude b.conf\n");
	add(&l, "/etc/b.conf", "include c.conf\ninclude c.conf\ninclude c.conf\n");
	add(&l, "/etc/c.conf", "include d.conf\ninclude d.conf\ninclude d.conf\n");
	add(&l, "/etc/d.conf", "include e.conf\ninclude e.conf\ninclude e.conf\n");
	add(&l, "/etc/e.conf", "include f.conf\ninclude f.conf\ninclude f.conf\n");
	add(&l, "/etc/f.conf", "conn x\n");
	assert_int_equal(load(&l), -EINVAL);
	assert_int_equal(l.d.errors, 1);
	assert_non_null(strstr(l.d.first->text, "more than 512 files"));
	done(&l);
}

static void test_large_file(void **state)
{
	(void)state;
	struct load l;
	size_t n = CONFIG_FILE_MAX + 1u;
	char *s = malloc(n);
	assert_non_null(s);
	memset(s, '\n', n);
	start(&l, 0);
	mem_files_add(&l.files, "/etc/ipsec.conf", s, n, 0644);
	assert_int_equal(load(&l), -EINVAL);
	done(&l);
	start(&l, 0);
	mem_files_add(&l.files, "/etc/ipsec.conf", s, n - 1, 0644);
	assert_int_equal(load(&l), 0);
	done(&l);
	free(s);
}

/* Names of conns have a limit; at it they work. */
static void test_long_name(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct load l;
		char text[256], name[80] = "";
		memset(name, 'n', (size_t)(CONF_NAME_MAX - 1 + i));
		snprintf(text, sizeof text, "conn %s\n type=transport\n authby=psk\n right=1.2.3.4\n auto=add\n", name);
		start(&l, 0);
		add(&l, "/etc/ipsec.conf", text);
		assert_int_equal(load(&l), 0);
		assert_int_equal(l.conf->n_tunnels, 1 - i);
		done(&l);
	}
}

/* A conn with very many parents and one with a very deep line of them. */
static void test_deep_inheritance(void **state)
{
	(void)state;
	struct load l;
	char *s = malloc(1 << 16), *at = s;
	assert_non_null(s);
	for (int i = 0; i < 200; i++)
		at += sprintf(at, "conn c%d\n\talso=c%d\n\tauto=add\n", i, i + 1);
	sprintf(at, "conn c200\n\ttype=transport\n\tauthby=secret\n\tright=1.2.3.4\n\tauto=add\n");
	start(&l, 0);
	add(&l, "/etc/ipsec.conf", s);
	assert_int_equal(load(&l), 0);
	/* the first one comes 200 deep and is refused, with those that lead there; the end is fine */
	assert_int_equal(conf_find(l.conf, "c0"), -1);
	assert_true(conf_find(l.conf, "c200") >= 0);
	assert_int_equal(l.conf->n_tunnels + l.conf->n_refused, 201);
	done(&l);
	free(s);
}

static void write_file(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_os(void **state)
{
	(void)state;
	struct load l;
	char dir[] = "/tmp/gretel-test-XXXXXX", path[512], cmd[512];
	struct config_files io;
	struct config_text t;
	assert_non_null(mkdtemp(dir));
	config_files_os(&io);
	write_file(dir, "ipsec.conf", "include x*.inc\n", 0644);
	write_file(dir, "x1.inc", "conn a\n\ttype=transport\n\tauthby=secret\n\tright=1.2.3.4\n\tauto=add\n", 0644);
	write_file(dir, "ipsec.secrets", ": PSK \"an os key of 22 octets\"\n", 0644);
	write_file(dir, "strongswan.conf", "charon { port = 777\n}\n", 0644);
	snprintf(path, sizeof path, "%s/ipsec.conf", dir);
	start(&l, 0);
	l.where.file = path;
	assert_int_equal(config_load(&l.where, &io, &l.conf, &l.psks, &l.d), 0);
	assert_int_equal(l.conf->n_tunnels, 1);
	assert_int_equal(l.conf->setup.port, 777);
	assert_int_equal(l.psks.n, 1);
	assert_int_equal(l.d.warnings, 1); /* the mode of ipsec.secrets */
	done(&l);
	assert_int_equal(io.read(&io, dir, &t), -EISDIR);
	assert_int_equal(io.read(&io, "/dev/null", &t), -EINVAL);
	snprintf(path, sizeof path, "%s/none", dir);
	assert_int_equal(io.read(&io, path, &t), -ENOENT);
	snprintf(path, sizeof path, "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(io.read(&io, path, &t), -EINVAL);
	snprintf(path, sizeof path, "%s/big", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), CONFIG_FILE_MAX + 2), 0);
	fclose(f);
	assert_int_equal(io.read(&io, path, &t), -EFBIG);
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_failed_reload_keeps_keys),
		cmocka_unit_test(test_zero_octet),
		cmocka_unit_test(test_too_many_files),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_deep_inheritance),
		cmocka_unit_test(test_os),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
