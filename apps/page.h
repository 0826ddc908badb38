/* The story of one connection as a page for browsers: one self-contained HTML document, no script,
 * nothing loaded from elsewhere. */
#ifndef VITRINE_APPS_PAGE_H
#define VITRINE_APPS_PAGE_H

#include "apps/story.h"

void story_html(const struct story *s, struct draft *out);

#endif
