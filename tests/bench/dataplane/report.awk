# The table and the verdicts of tests/bench/dataplane/run: reads subject, key, value; prints medians.
BEGIN { FS = "\t"; missed = 0; n_subjects = split(subjects, subject, " ") }
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
function gbit(s, k) { return cell(median(s, k), median(s, k) < 0.1 ? "%.3f" : "%.2f") }
function verdict(ok, text) {
	printf "%s  %s\n", ok ? "PASS" : "MISS", text
	if (!ok) missed++
}
# One TCP stream of subject s against that of another.
function ratio(s, other, least,    a, b) {
	a = median(s, 1)
	b = median(other, 1)
	if (a < 0 || b < 0) return
	if (!b) {
		printf "      %s: nothing was measured of %s\n", s, other
		return
	}
	verdict(a > 0 && a >= least * b, sprintf("%s: %.2f Gbit/s in one stream, %.2f of %s (%.2f); at least %.2f", s, a, a / b, other, b, least))
}
function small(s, other, least,    a, b) {
	a = median(s, "pps")
	b = median(other, "pps")
	if (a < 0 || b < 0) return
	if (!b) {
		printf "      %s: nothing was measured of %s\n", s, other
		return
	}
	verdict(a > 0 && a >= least * b, sprintf("%s: %.0f small packets a second without loss, %.2f of %s (%.0f); at least %.2f", s, a, a / b, other, b, least))
}
function ping(s, most,    a) {
	a = median(s, "load50")
	if (a < 0) return
	verdict(a <= most, sprintf("%s: ping beside a full-rate stream %.0f us in the median, at most %.0f", s, a, most))
}
function lives(s,    i, worst, same) {
	if (!n[s, "same"]) return
	same = 1
	for (i = 0; i < n[s, "same"]; i++) {
		if (!value[s SUBSEP "same", i]) same = 0
		if (value[s SUBSEP "answered", i] > worst) worst = value[s SUBSEP "answered", i]
	}
	verdict(same && worst <= 2, sprintf("%s: liveness exchanges beside full-rate streams: the last answer came %d s ago, at most 2, and the SAs are %s",
		s, worst, same ? "those of the beginning" : "others than at the beginning"))
}
function shown_cpu(s,    a) {
	a = median(s, "cpu")
	return cell(a > 0 ? a : -1, "%.2f")
}

END {
	printf "%-16s %6s %6s %6s %6s  %7s  %11s %13s  %8s\n", "", "1", "4", "1r", "4r", "CPU", "ping idle", "under load", "packets"
	printf "%-16s %6s %6s %6s %6s  %7s  %11s %13s  %8s\n", "", "", "Gbit/s", "", "", "s/GB", "us 50/99 %", "us 50/99 %", "64 B, /s"
	for (i = 1; i <= n_subjects; i++) {
		s = subject[i]
		printf "%-16s %6s %6s %6s %6s  %7s  %11s %13s  %8s\n", s, gbit(s, 1), gbit(s, 4), gbit(s, "1r"), gbit(s, "4r"),
			shown_cpu(s),
			cell(median(s, "idle50"), "%.0f") "/" cell(median(s, "idle99"), "%.0f"),
			cell(median(s, "load50"), "%.0f") "/" cell(median(s, "load99"), "%.0f"), cell(median(s, "pps"), "%.0f")
	}
	print ""
	ratio("gretel-evp", "forward-evp", 0.85)
	ratio("gretel-mb", "forward-mb", 0.85)
	ratio("gretel-evp", "openvpn-seed", 6)
	ratio("gretel-mb", "openvpn-seed", 10)
	n_g = split("gretel-evp gretel-mb", g, " ")
	for (i = 1; i <= n_g; i++) {
		ratio(g[i], "forward-plain", 0.35)
		ratio(g[i], "wireguard-go", 5)
		ratio(g[i], "libipsec-gcm", 5)
		small(g[i], "wireguard-go", 1.3)
		ping(g[i], 2000)
		lives(g[i])
	}
	exit (missed > 0)
}
