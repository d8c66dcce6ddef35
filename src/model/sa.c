/* Child SAs. */
#include "model/sa.h"

void child_sa_wipe(struct child_sa *sa)
{
	secret_wipe(&sa->in.encr);
	secret_wipe(&sa->in.integ);
	secret_wipe(&sa->out.encr);
	secret_wipe(&sa->out.integ);
}
