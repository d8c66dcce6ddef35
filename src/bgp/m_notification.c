/* NOTIFICATION (RFC 4271 4.5; RFC 8538 Hard Reset; RFC 9003 shutdown communication). */
#include "bgp/parts.h"

void m_notification_read(struct bgp *b, struct bgp_fsm *f, struct span body)
{
	struct bgp_notification n = {0};
	char text[200] = "";
	struct sbuf t = SB(text);
	if (!bgp_notification_decode(body, &n))
		n = (struct bgp_notification){.code = BGP_E_CEASE}; /* the frame was long enough: cannot be */
	struct span said = bgp_shutdown_text(&n);
	if (said.n) {
		sb_putc(&t, '"');
		sb_escape(&t, said.p, said.n);
		sb_putc(&t, '"');
	}
	if (n.hard)
		sb_put(&t, t.len ? " (hard reset)" : "hard reset");
	/* RFC 5492 4: a peer that does not know of capabilities says so; the next try is without. */
	if (n.code == BGP_E_OPEN && n.sub == BGP_E_PARAM)
		f->peer->session->no_caps = true;
	bool version = n.code == BGP_E_OPEN && n.sub == BGP_E_VERSION;
	struct bgp_step s = {.b = b, .f = f, .event = (uint8_t)(version ? EV_NOTIF_VER : EV_NOTIF), .rcvd = &n,
	                     .why = t.len ? text : NULL};
	(void)fsm_run(&s);
}
