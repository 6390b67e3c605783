/* Crash points: places where a test ends the process as kill -9 would, to see that nothing is lost.
 * Only in builds with GW_CRASH_POINTS, which those with sanitizers are; elsewhere they are nothing.
 *
 * MOONGATE_CRASH_AT="after_write:3" kills at the third time that the point after_write is reached,
 * "after_write" at the first. Specs find the points by looking for GW_CRASH_POINT in the sources.
 */
#ifndef GW_BASE_CRASH_H
#define GW_BASE_CRASH_H

#ifdef GW_CRASH_POINTS
void gw_crash_point(const char *name); /* any thread */
#define GW_CRASH_POINT(name) gw_crash_point(name)
#else
#define GW_CRASH_POINT(name) ((void)0)
#endif

#endif
