/* SPDX-License-Identifier: Apache-2.0 */
/* privacy.c - PRIVACY.txt; see privacy.h. docs/PRIVACY.md says the same at more length. */
#include "control/privacy.h"

static const char built_in[] =
	"Privacy statement\n"
	"\n"
	"This platform shows evidence to those who are authorized, and keeps a record of\n"
	"it. It keeps personal data about you:\n"
	"\n"
	"  - your user name, user number and groups, as this machine knows them;\n"
	"  - what you were authorized to see, from when until when, by whom and why;\n"
	"  - every file and folder of the evidence that you open, list or read: when,\n"
	"    which part of it, with which program, process and login;\n"
	"  - every attempt that was refused, and every command you gave to the platform.\n"
	"\n"
	"Why: so that the owner of a case, an auditor and a court can establish who saw\n"
	"which evidence, and that nobody saw what they were not authorized to see.\n"
	"\n"
	"Who sees it: the owner of the case and auditors of the case, for that case; the\n"
	"log's officers, for all. Each look at it is recorded too.\n"
	"\n"
	"How long: as long as the log of the case is kept. Nothing in it is changed or\n"
	"removed earlier. Names are not in the log itself; they are added when it is\n"
	"shown.\n"
	"\n"
	"The organization that runs this platform is responsible for these data. Ask it\n"
	"for what is kept about you, and about your rights. It can put its own statement\n"
	"in place of this one.\n";

const char *privacy_built_in(void)
{
	return built_in;
}
