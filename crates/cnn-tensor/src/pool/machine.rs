//! How much memory this process may use, as Linux tells it: the machine's, and the limits of control groups.
//!
//! A limit binds everything below it, so all groups from the process's own up to the root are asked. In a
//! container the path may be the host's and most of its files absent; the root is then the container's own.

use std::path::Path;

/// Bytes that this process may use; no bound where the system does not tell.
pub(super) fn memory() -> usize {
    bound(|path| std::fs::read_to_string(path).ok())
}

/// As [`memory`], with files read by `read`.
fn bound(read: impl Fn(&str) -> Option<String>) -> usize {
    let total = read("/proc/meminfo").and_then(|text| total(&text));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    // Version 2 writes `max` for no limit, which is no number; version 1 a number beyond any machine.
    let limits = limit_files(&groups).into_iter().filter_map(|file| read(&file)?.trim().parse().ok());
    total.into_iter().chain(limits).min().unwrap_or(isize::MAX as usize)
}

/// The machine's memory, from the text of `/proc/meminfo`.
fn total(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

/// The files that may hold a limit, from the text of `/proc/self/cgroup`: lines of
/// `number:controllers:path`, with no controllers for version 2 (cgroups(7)).
fn limit_files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, name) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        for group in Path::new(path).ancestors() {
            let group = group.to_string_lossy();
            files.push(format!("{root}{}/{name}", group.trim_end_matches('/')));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: (&str, &str) = ("/proc/meminfo", "MemTotal:       1024 kB\nMemFree:         512 kB\n");

    fn bound_by(files: &[(&str, &str)]) -> usize {
        bound(|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| text.to_string()))
    }

    #[test]
    fn without_groups_the_machine_is_the_bound() {
        assert_eq!(bound_by(&[]), isize::MAX as usize);
        assert_eq!(bound_by(&[MACHINE]), 1 << 20);
        assert_eq!(bound_by(&[MACHINE, ("/proc/self/cgroup", "nonsense\n7:memory\n")]), 1 << 20);
    }

    #[test]
    fn the_lowest_limit_from_the_own_group_to_the_root_is_the_bound() {
        let group = ("/proc/self/cgroup", "0::/user.slice/job.scope\n");
        let own = ("/sys/fs/cgroup/user.slice/job.scope/memory.max", "900000\n");
        let parent = ("/sys/fs/cgroup/user.slice/memory.max", "800000\n");
        let root = ("/sys/fs/cgroup/memory.max", "700000\n");
        assert_eq!(bound_by(&[MACHINE, group]), 1 << 20);
        assert_eq!(bound_by(&[MACHINE, group, own]), 900_000);
        assert_eq!(bound_by(&[MACHINE, group, own, parent]), 800_000);
        assert_eq!(bound_by(&[MACHINE, group, own, parent, root]), 700_000);
        assert_eq!(bound_by(&[MACHINE, ("/proc/self/cgroup", "0::/\n"), root]), 700_000);
        let none = ("/sys/fs/cgroup/user.slice/job.scope/memory.max", "max\n");
        assert_eq!(bound_by(&[MACHINE, group, none, parent]), 800_000);
    }

    #[test]
    fn version_1_has_the_limit_in_the_hierarchy_of_its_memory_controller() {
        let group = ("/proc/self/cgroup", "9:name=systemd:/\n5:cpu,memory:/docker/a:b\n3:cpuset:/x\n0::/\n");
        let own = ("/sys/fs/cgroup/memory/docker/a:b/memory.limit_in_bytes", "500000\n");
        let unlimited = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(bound_by(&[MACHINE, group, own, unlimited]), 500_000);
        assert_eq!(bound_by(&[MACHINE, group, unlimited]), 1 << 20);
        let elsewhere = ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1\n");
        assert_eq!(bound_by(&[MACHINE, group, elsewhere]), 1 << 20);
    }
}
