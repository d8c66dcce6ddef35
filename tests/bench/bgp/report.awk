# The table and the verdicts of tests/bench/bgp/run: reads speaker, cell, phase, key, value; prints medians.
BEGIN { FS = OFS = "\t"; nv = missed = 0; ns = split(speakers, speaker, " "); nc = split(cells, cell, " ") }
{ id = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4; value[id, n[id]++] = $5 + 0 }

function median(s, c, p, k,    id, i, j, t, a, m) {
	id = s SUBSEP c SUBSEP p SUBSEP k
	m = n[id]
	if (!m) return -1
	for (i = 0; i < m; i++) a[i] = value[id, i]
	for (i = 1; i < m; i++)
		for (j = i; j > 0 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	return m % 2 ? a[int(m / 2)] : (a[m / 2 - 1] + a[m / 2]) / 2
}
function shown(v) { return v < 0 ? "-" : v < 10 ? sprintf("%.2f", v) : v < 100 ? sprintf("%.1f", v) : sprintf("%.0f", v) }
function row(title, c, p, k, scale,    i, line, v, best, first) {
	line = sprintf("%-12s %-26s", c, title)
	best = first = -1
	for (i = 1; i <= ns; i++) {
		v = median(speaker[i], c, p, k)
		if (v >= 0) v /= scale
		line = line sprintf(" %10s", shown(v))
		if (i == 1) first = v
		else if (v >= 0 && (best < 0 || v < best)) best = v
	}
	line = line sprintf(" %8s", first >= 0 && best > 0 ? sprintf("%.2f", first / best) : "-")
	print line
	got = first
	other = best
}
function verdict(c, what, ok) {
	printf "%-4s %-12s %s\n", ok ? "PASS" : "MISS", c, what
	if (!ok) missed++
}
function keep(c, what, ok) { v_cell[nv] = c; v_what[nv] = what; v_ok[nv++] = ok }
function half(c, what) { keep(c, sprintf("%s: %s ms, at most half of %s ms", what, shown(got), shown(other)), got >= 0 && got <= other / 2) }
function packed(c, what, p,    u, f) {
	u = median(speaker[1], c, p, "updates"); f = median(speaker[1], c, p, "perfect")
	keep(c, sprintf("%s: %s UPDATEs, at most 5 %% over %s", what, shown(u), shown(f)), u >= 0 && u <= f * 1.05)
}

END {
	line = sprintf("%-12s %-26s", "cell", "median of " (n[speaker[2], cell[1], "converge", "ms"] + 0))
	for (i = 1; i <= ns; i++) line = line sprintf(" %10s", speaker[i])
	print line sprintf(" %8s", "ratio")
	for (c = 1; c <= nc; c++) {
		x = cell[c]
		row("converge, ms", x, "converge", "ms", 1); half(x, "converge")
		row("  first UPDATE, ms", x, "converge", "first_ms", 1)
		row("  CPU, ms", x, "converge", "cpu_ms", 1)
		row("  UPDATEs to a client", x, "converge", "updates", 1); packed(x, "converge", "converge")
		row("  perfect packing", x, "converge", "perfect", 1)
		row("late joiner, ms", x, "late", "ms", 1); half(x, "late joiner")
		row("  CPU, ms", x, "late", "cpu_ms", 1)
		row("  UPDATEs", x, "late", "updates", 1); packed(x, "late joiner", "late")
		row("burst of small, silence, ms", x, "silence", "ms", 1)
		keep(x, "burst, then silence: " shown(median(speaker[1], x, "silence", "missing")) " prefixes missing",
		     median(speaker[1], x, "silence", "missing") == 0)
		row("  UPDATEs to a client", x, "silence", "updates", 1)
		row("withdraw of all, ms", x, "withdraw", "ms", 1); half(x, "withdraw")
		row("  CPU, ms", x, "withdraw", "cpu_ms", 1)
		row("  UPDATEs to a client", x, "withdraw", "updates", 1); packed(x, "withdraw", "withdraw")
		row("peak memory, MiB", x, "withdraw", "speaker_kib", 1024)
		m = median("bird", x, "withdraw", "speaker_kib") / 1024
		keep(x, sprintf("peak memory: %s MiB, at most BIRD's %s MiB", shown(got), shown(m)), got >= 0 && (m < 0 || got <= m))
		row("  of all its processes, MiB", x, "withdraw", "hwm_kib", 1024)
		# Below that the daemon of five processes is what it is without routes, which has its own limit.
		if (x ~ /^1000000x/)
			keep(x, sprintf("peak memory of all processes: %s MiB, at most BIRD's %s MiB", shown(got), shown(m)), got >= 0 && (m < 0 || got <= m))
		row("memory at the end (PSS), MiB", x, "silence", "pss_kib", 1024)
		if (median(speaker[2], x, "latency", "ms") >= 0 || median(speaker[1], x, "latency", "ms") >= 0) {
			row("one route, ms", x, "latency", "ms", 1)
			keep(x, "one route: " shown(got) " ms, at most 1 ms", got >= 0 && got <= 1)
			row("one route withdrawn, ms", x, "latency_withdraw", "ms", 1)
			keep(x, "one route withdrawn: " shown(got) " ms, at most 1 ms", got >= 0 && got <= 1)
		}
		w = 0
		for (p = split("converge late silence withdraw", ph, " "); p > 0; p--) w += median(speaker[1], x, ph[p], "wrong")
		keep(x, "every route has the attributes that it must have", w == 0)
	}
	row("exec to five routes, ms", "cold", "cold", "ms", 1)
	keep("cold", "exec to five routes in the kernel: " shown(got) " ms, under 12 ms", got >= 0 && got < 12)
	row("  exec to session, ms", "cold", "cold", "up_ms", 1)
	row("three sessions (PSS), MiB", "idle", "idle", "pss_kib", 1024)
	keep("idle", "idle with three sessions: " shown(got) " MiB, under 5 MiB", got >= 0 && got < 5)
	row("  processes", "idle", "idle", "processes", 1)
	print ""
	for (i = 0; i < nv; i++) verdict(v_cell[i], speaker[1] " " v_what[i], v_ok[i])
	printf "%d reached, %d missed\n", nv - missed, missed
	exit missed > 0
}
