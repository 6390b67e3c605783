/* How many cores there are to use: read once, at the start. */
#ifndef GW_BASE_CORES_H
#define GW_BASE_CORES_H

/* Those that this process may run on, or as many as the container's quota comes to if that is less;
 * a part of one counts as one. At least one. */
int gw_cores(void);

/* What the quota of the control group whose files are in `folder` comes to, of both generations;
 * 0: no quota. In a container its own group is at /sys/fs/cgroup. */
int gw_cores_of_quota(const char *folder);

#endif
