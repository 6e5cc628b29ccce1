/* SPDX-License-Identifier: Apache-2.0 */
/* service_scan.c - what a scan (control/scan.h) asks of the service; see service.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "control/service_private.h"

int service_case_dir(struct service *s, uint64_t case_id, char **out)
{
	/* a mount of one's own keeps no folder for its one case */
	int n = s->cases_dir ? asprintf(out, "%s/%llu", s->cases_dir, (unsigned long long)case_id)
			     : asprintf(out, "%s", s->start->config.state_dir);

	return n < 0 ? -ENOMEM : 0;
}

int service_scanned(struct service *s, const struct caller *c, const struct service_scanned *what)
{
	struct audit_event ev = {.type = AUDIT_SCAN,
		.decision = AUDIT_ALLOWED,
		.case_id = what->case_id,
		.offset = what->marked,
		.length = what->whole,
		.result = (int64_t)what->hits};

	memcpy(ev.commitment, what->rules, sizeof(ev.commitment));
	if (what->marked > 0 && s->finder)
		service_marks_wait(s);
	return s->log && service_record(s, c, &ev) == 0 ? 0 : -EIO;
}

/* A hint: what was scanned stands in the log. Caller frees. */
static char *scanned_file(struct service *s, uint64_t case_id, uint64_t evidence)
{
	char *dir = NULL;
	char *file = NULL;

	if (service_case_dir(s, case_id, &dir) ||
		asprintf(&file, "%s/scanned-%llu", dir, (unsigned long long)evidence) < 0)
		file = NULL;
	free(dir);
	return file;
}

void service_note_scanned(struct service *s, uint64_t case_id, uint64_t evidence)
{
	char *file = scanned_file(s, case_id, evidence);

	if (file)
		file_write(file, "", 0, NULL);
	free(file);
}

bool service_was_scanned(struct service *s, uint64_t case_id, uint64_t evidence)
{
	char *file = scanned_file(s, case_id, evidence);
	bool was = file && access(file, F_OK) == 0;

	free(file);
	return was;
}
