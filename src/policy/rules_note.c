/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_note.c - who may add a note; see rules.h.
 *
 * That who asks sees the trace, and may annotate it, is not asked here: it takes his
 * view (policy/view.h). What can be told without a look at any path is.
 */
#include "policy/rules_private.h"

#include <errno.h>
#include <string.h>

#define NOTE_MAX 65536

int rules_note(struct asking *x, struct err *e)
{
	const struct act *a = x->a;

	if (!(x->is.rights & RIGHT_ANNOTATE))
		return err_set(e, EPERM,
			"notes are added by holders of `annotate`: you have no "
			"such right in the case");
	if (!a->text || !*a->text)
		return err_set(e, EINVAL, "a text is needed: --text TEXT");
	if (strlen(a->text) > NOTE_MAX)
		return err_set(e, E2BIG, "the text is longer than %d bytes", NOTE_MAX);
	/* not whether there is such evidence: some may be hidden from him */
	if (!a->path)
		return err_set(e, EINVAL, "a note about what? PATH is needed");
	return 0;
}
