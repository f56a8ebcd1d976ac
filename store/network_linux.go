package store

import (
	"bufio"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// networkKinds are the file systems that several machines may share, by their
// names in mountinfo. SQLite's log needs memory that all its users share.
var networkKinds = kinds("nfs nfs4 cifs smb3 smbfs ncpfs 9p afs ceph coda lustre beegfs gpfs orangefs pvfs2 ocfs2 gfs2 vboxsf prl_fs vmhgfs davfs" +
	" fuse.sshfs fuse.glusterfs fuse.ceph fuse.ceph-fuse fuse.cephfs fuse.rclone fuse.s3fs fuse.goofys fuse.mount-s3 fuse.gcsfuse fuse.blobfuse fuse.blobfuse2" +
	" fuse.davfs fuse.davfs2 fuse.curlftpfs fuse.smbnetfs fuse.gvfsd-fuse fuse.juicefs fuse.mfs fuse.moosefs fuse.lizardfs fuse.seaweedfs fuse.vmhgfs-fuse fuse.orangefs fuse.afuse fuse.hdfs")

// networkMagics are the same, where only statfs tells (statfs(2), linux/magic.h).
var networkMagics = map[uint32]string{
	unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb", unix.CIFS_SUPER_MAGIC: "cifs", unix.SMB2_SUPER_MAGIC: "smb2",
	unix.V9FS_MAGIC: "9p", unix.AFS_SUPER_MAGIC: "afs", unix.AFS_FS_MAGIC: "afs", unix.CEPH_SUPER_MAGIC: "ceph", unix.CODA_SUPER_MAGIC: "coda",
	unix.NCP_SUPER_MAGIC: "ncpfs", unix.OCFS2_SUPER_MAGIC: "ocfs2", 0x0BD00BD0: "lustre", 0x19830326: "beegfs", 0x47504653: "gpfs", 0x786F4256: "vboxsf",
}

// mountsPath lists what is mounted where this process can see it.
const mountsPath = "/proc/self/mountinfo"

// networkKind returns the kind of the file system that holds a path which is
// there and has no links in it, when it is one of a network, else "". The list of
// mounts tells kinds apart that are all FUSE to statfs, which in turn knows what is
// not in the list.
func networkKind(path string) string {
	if kind := networkMount(path); kind != "" {
		return kind
	}
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return ""
	}
	return networkMagics[uint32(s.Type)]
}

// networkMount is networkKind as far as it can be told without asking the file
// system for anything, by the names in path.
func networkMount(path string) string {
	mounts, err := os.Open(mountsPath)
	if err != nil {
		return ""
	}
	defer mounts.Close()
	if m := mountOf(mounts, path); m.isNetwork() {
		return m.kind
	}
	return ""
}

// A mount is a line of mountinfo.
type mount struct{ point, kind, source string }

// isNetwork: a FUSE file system that does not say what it is has a server's
// address for its source, if it has one.
func (m mount) isNetwork() bool {
	return networkKinds[m.kind] || m.kind == "fuse" && strings.Contains(m.source, ":")
}

// mountOf finds what is mounted where path lies: the longest mount point that it
// begins with, and of several the last, which hides the others.
func mountOf(mountinfo io.Reader, path string) (of mount) {
	for lines := bufio.NewScanner(mountinfo); lines.Scan(); {
		if m, ok := parseMount(lines.Text()); ok && len(m.point) >= len(of.point) && isBelow(path, m.point) {
			of = m
		}
	}
	return of
}

// parseMount reads a line as proc_pid_mountinfo(5) describes it.
func parseMount(line string) (m mount, ok bool) {
	before, after, found := strings.Cut(line, " - ")
	fields, rest := strings.Fields(before), strings.Fields(after)
	if !found || len(fields) < 6 || len(rest) < 2 {
		return m, false
	}
	return mount{octal.Replace(fields[4]), rest[0], octal.Replace(rest[1])}, true
}

// octal undoes how the kernel writes the characters that would end a field.
var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func kinds(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}
