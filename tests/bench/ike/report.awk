# The tables and the verdicts of tests/bench/ike/run: reads subject, key, value; prints medians.
BEGIN { FS = "\t"; missed = 0; n_groups = split(groups, group, " "); n_sizes = split(sizes, size, " ") }
{ id = $1 SUBSEP $2; value[id, n[id]++] = $3 + 0 }

function median(s, k,    id, i, j, t, a, m) {
	id = s SUBSEP k
	m = n[id]
	if (!m) return -1
	for (i = 0; i < m; i++) a[i] = value[id, i]
	for (i = 1; i < m; i++)
		for (j = i; j > 0 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	return m % 2 ? a[int(m / 2)] : (a[m / 2 - 1] + a[m / 2]) / 2
}
function cell(v, form) { return v < 0 ? "-" : sprintf(form, v) }
function us(s, k) { return cell(median(s, k) < 0 ? -1 : median(s, k) / 1000, "%.1f") }
function verdict(ok, text) {
	printf "%s  %s\n", ok ? "PASS" : "MISS", text
	if (!ok) missed++
}
function at_most(s, k, what, most, form,    v) {
	v = median(s, k)
	if (v >= 0) verdict(v <= most, sprintf(what ": " form ", at most " form, v, most))
}

function cpu(    i, g, a, b) {
	if (median("bare", "cpu." group[1]) < 0) return
	printf "%-10s %9s %11s %9s %9s %9s   %s\n", "us/handshake", "bare", "gretel-own", "gretel", "charon", "netlink", "handshakes/s gretel-own, charon"
	for (i = 1; i <= n_groups; i++) {
		g = group[i]
		printf "%-12s %9s %11s %9s %9s %9s   %s %s\n", g, us("bare", "cpu." g), us("gretel-own", "cpu." g), us("gretel", "cpu." g), us("charon", "cpu." g),
			cell(median("gretel", "cpu." g) < 0 ? -1 : (median("gretel", "cpu." g) - median("gretel-own", "cpu." g)) / 1000, "%.1f"),
			cell(median("gretel-own", "rate." g), "%.0f"), cell(median("charon", "rate." g), "%.0f")
	}
	print ""
	for (i = 1; i <= n_groups; i++) {
		g = group[i]
		b = median("bare", "cpu." g)
		a = median("gretel-own", "cpu." g)
		if (a >= 0) verdict(a <= 1.4 * b, sprintf("%s: %.2f of the bare key exchange, at most 1.40", g, a / b))
		a = median("gretel", "cpu." g)
		if (a >= 0) printf "      %s with the kernel's refusal: %.2f of the bare key exchange\n", g, a / b
		a = median("gretel-own", "cpu." g)
		b = median("bare-own", "cpu." g)
		if (a >= 0 && b >= 0) printf "      %s: %.2f of a key exchange without the library's check of the point (%.1f us)\n", g, a / b, b / 1000
		b = median("charon", "cpu." g)
		if (a >= 0 && b >= 0) printf "      %s: charon takes %.1f times as much\n", g, b / a
	}
}

END {
	cpu()
	at_most("gretel-own", "any", "octets for each of " peers " established peers of %%any", 6144, "%.0f")
	at_most("gretel-own", "configured", "octets for each of " peers " established configured tunnels", 6144, "%.0f")
	if (median("gretel-own", "configured_kb") >= 0)
		printf "      %s tunnels configured, none up: %.1f MiB\n", peers, median("gretel-own", "configured_kb") / 1024
	if (median("charon", "any") >= 0) printf "      charon: %.0f octets for each IKE SA, without its child SA\n", median("charon", "any")
	at_most("gretel-own", "any.idle", "percent of a core for the liveness checks of 10,000 peers, 30 s", 5, "%.2f")
	at_most("gretel-own", "configured.idle", "percent of a core for those of 10,000 configured tunnels", 5, "%.2f")
	at_most("gretel-own", "back", "seconds until " returning " peers are up again after a restart of the hub", 30, "%.1f")
	if (median("gretel-own", "status." size[1]) >= 0) {
		printf "\n%-9s %16s %14s %10s %18s %16s\n", "tunnels", "status NAME us", "and ms, all", "status ms", "reload us/tunnel", "us to set one up"
		for (i = 1; i <= n_sizes; i++)
			printf "%-9s %16.0f %14.1f %10.1f %18.1f %16.0f\n", size[i], median("gretel-own", "status." size[i]), median("gretel-own", "statusms." size[i]),
				median("gretel-own", "all." size[i]), median("gretel-own", "reload." size[i]) / size[i], median("gretel-own", "handshake." size[i])
		print ""
		a = median("gretel-own", "status." size[1])
		b = median("gretel-own", "status." size[n_sizes])
		verdict(b <= 2 * a, sprintf("status of one tunnel among %s takes %.2f times as long as among %s, at most 2", size[n_sizes], b / a, size[1]))
		a = median("gretel-own", "reload." size[2]) / size[2]
		b = median("gretel-own", "reload." size[n_sizes]) / size[n_sizes]
		# What libconfig does to find a name twice in a group grows with the group, slowly; ten times would be quadratic.
		verdict(b <= 3 * a, sprintf("a reload of %s tunnels takes %.2f times as long for each as one of %s, at most 3", size[n_sizes], b / a, size[2]))
		a = median("gretel-own", "handshake." size[2])
		b = median("gretel-own", "handshake." size[n_sizes])
		verdict(b <= 1.5 * a, sprintf("setting up one of %s tunnels (look-ups by peer, name, SPI) takes %.2f times as long as one of %s, at most 1.5",
			size[n_sizes], b / a, size[2]))
	}
	exit (missed > 0)
}
