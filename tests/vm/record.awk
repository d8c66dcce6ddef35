# Turns two texts of one run into a recording (tests/recordings/README): the log of the charon that initiated
# ("ike 4, enc 3, knl 4, chd 4": it contains the secrets), then "tcpdump -n -x" of its IKE packets.
#
#   awk -f record.awk -v only="34 35" LOG DUMP      only: the exchange types to keep; all when empty
#
# Of an exchange that the other end has begun, Ni is the nonce that came in, and the log shows Nr only after the keys.

function hex(s,    i, n) {
	n = 0
	for (i = 1; i <= length(s); i++)
		n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return n
}
function key(name, value) {
	if (!(name in keys)) order[++nkeys] = name
	keys[name] = value
}
function child_key(name, value) { key("child" (child > 1 ? child : "") "_" name, value) }
function ike_key(name, value) { key((ike > 1 ? "ike" ike "_" : "") name, value) }

# A dump of the log is complete.
function handle(label, data) {
	if (label == "generated data for this payload" && of_nonce) {
		own = substr(data, 9)
		if (late != "") key(late, own)
		late = ""
		of_nonce = 0
	}
	else if (label == "parsing payload from" && of_nonce) {
		theirs = substr(data, 9, hex(substr(data, 5, 4)) * 2 - 8)
		of_nonce = 0
	}
	else if (label == "shared Diffie Hellman secret") g_ir = data
	else if (label == "SKEYSEED") {
		ike++
		ike_key("ni", responding ? theirs : own)
		ike_key("nr", responding ? "" : theirs)
		if (responding) late = order[nkeys]
		ike_key("g_ir", g_ir); ike_key("skeyseed", data)
	}
	else if (label ~ /^Sk_[a-z]+ secret$/) ike_key(tolower(substr(label, 1, index(label, " ") - 1)), data)
	else if (label == "IDx'") key("idi" in keys ? "idr" : "idi", data)
	else if (label == "secret") key("psk", data)
	else if (label ~ /^AUTH = /) key("auth_i" in keys ? "auth_r" : "auth_i", data)
	else if (label == "seed") { # [g^ir |] Ni | Nr
		child++
		n = length(own) + length(theirs)
		nonces = substr(data, length(data) - n + 1)
		n = responding ? length(theirs) : length(own)
		child_key("ni", substr(nonces, 1, n)); child_key("nr", substr(nonces, n + 1))
		if (data != nonces) child_key("g_ir", substr(data, 1, length(data) - length(nonces)))
	}
	else if (label == "encryption initiator key") child_key("ei", data)
	else if (label == "encryption responder key") child_key("er", data)
	else if (label == "integrity initiator key") child_key("ai", data)
	else if (label == "integrity responder key") child_key("ar", data)
}

FNR == 1 { file++ }

file == 1 {
	sub(/^[0-9:]+ [0-9]+\[[A-Z]+\] /, "")
	if (want > 0 && $0 ~ /^ *[0-9]+: [0-9A-F][0-9A-F] /) {
		rest = substr($0, index($0, ": ") + 2)
		for (i = 0; i < 16 && want > 0; i++) {
			data = data tolower(substr(rest, 1 + 3 * i, 2))
			want--
		}
		if (want == 0) handle(label, data)
		next
	}
	if ($0 ~ / => [0-9]+ bytes @ /) {
		label = $0
		sub(/ => [0-9]+ bytes @ .*/, "", label)
		want = $0
		sub(/.* => /, "", want)
		want = want + 0
		data = ""
	}
	else if ($0 == "generating payload of type NONCE" || $0 ~ /^parsing NONCE payload, /) of_nonce = 1
	else if ($0 ~ /CHILD_SA .* established with SPIs/) {
		spis = $0
		sub(/.* SPIs /, "", spis)
		split(spis, s, /_i |_o /)
		child_key("spi_i", s[responding ? 2 : 1]); child_key("spi_r", s[responding ? 1 : 2])
	}
	else if ($1 == "generating" || $1 == "parsed") {
		m = $2 " " $3 " " $4
		text[m, ++texts[m]] = $0
		sub(/^[a-z]+ /, "", text[m, texts[m]])
		if (m ~ /^(IKE_SA_INIT|CREATE_CHILD_SA) request/) responding = $1 == "parsed"
	}
	next
}

# tcpdump: a line per packet, then its octets from the IP header on in indented lines
function packet(    at, port, from, payload, m) {
	if (octets == "") return
	at = substr(octets, 1, 1) == "6" ? 80 : hex(substr(octets, 2, 1)) * 8
	port = hex(substr(octets, at + 1, 4)) == 4500 || hex(substr(octets, at + 5, 4)) == 4500 ? 4500 : 500
	payload = substr(octets, at + 17, hex(substr(octets, at + 9, 4)) * 2 - 16)
	octets = ""
	if (port == 4500) { # neither ESP nor a keep-alive
		if (substr(payload, 1, 8) != "00000000") return
		payload = substr(payload, 9)
	}
	if (payload in seen) return # sent again
	seen[payload] = 1
	type = hex(substr(payload, 37, 2))
	if (only != "" && index(" " only " ", " " type " ") == 0) return
	if (me == "") me = source
	m = name[type] " " (hex(substr(payload, 39, 2)) % 64 >= 32 ? "response" : "request") " " hex(substr(payload, 41, 8))
	packets[++npackets] = (m in texts ? "# " text[m, ++used[m]] "\n" : "") \
		"packet " (source == me ? "I" : "R") " " port " " payload
	spi = substr(payload, 1, 16)
	spi_r = substr(payload, 17, 16)
	if (!(spi in spis_of)) spis_of[spi] = ++nspi
	if (spi_r !~ /^0+$/) {
		key((spis_of[spi] > 1 ? "ike" spis_of[spi] "_" : "") "spi_i", spi)
		key((spis_of[spi] > 1 ? "ike" spis_of[spi] "_" : "") "spi_r", spi_r)
	}
}
BEGIN { name[34] = "IKE_SA_INIT"; name[35] = "IKE_AUTH"; name[36] = "CREATE_CHILD_SA"; name[37] = "INFORMATIONAL" }
/^[0-9]/ { packet(); source = $3; sub(/\.[0-9]+$/, "", source); next }
/^\t0x/ { sub(/^\t0x[0-9a-f]+: */, ""); gsub(/ /, ""); octets = octets $0 }
END {
	packet()
	for (i = 1; i <= nkeys; i++) print "key " order[i] " " keys[order[i]]
	for (i = 1; i <= npackets; i++) print packets[i]
}
