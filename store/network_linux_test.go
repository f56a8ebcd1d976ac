package store

import (
	"strings"
	"testing"
)

// Lines of mountinfo as kernels wrote them.
const recordedMounts = `22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
24 22 0:22 / /proc rw,nosuid - proc proc rw
60 22 0:50 / /home rw,relatime shared:30 - nfs4 nas:/export/home rw,vers=4.2
61 60 0:51 / /home/me/local rw,relatime - xfs /dev/vdb rw
62 22 0:52 / /mnt/share\040of\040all rw,relatime - cifs //nas/all rw,vers=3.1.1
63 22 0:53 / /mnt/c rw,noatime - 9p C:\134 rw,dirsync,aname=drvfs;path=C:\,trans=fd
64 22 0:54 / /mnt/ssh rw,nosuid - fuse.sshfs me@host:/data rw,user_id=1000
65 22 0:55 / /mnt/gluster rw - fuse.glusterfs nas:/vol rw
66 22 0:56 / /mnt/dav rw - fuse https://dav.example/files rw
67 22 0:57 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw
68 22 0:58 / /mnt/merged rw - fuse.mergerfs a:b rw
69 22 0:59 / /mnt/twice rw - nfs nas:/a rw
70 69 0:60 / /mnt/twice rw - tmpfs tmpfs rw
71 22 0:61 / /mnt/afs rw - afs #root.cell rw
72 22 0:62 / /mnt/ceph rw - ceph 10.0.0.1:6789:/ rw
73 22 0:63 / /mnt/box rw master:2 propagate_from:1 - vboxsf work rw
74 22 0:64 / /work rw - overlay overlay rw,lowerdir=/a:/b
75 22 0:65 / /shared rw - virtiofs share rw
a line that is cut`

func TestWhereAPathLiesIsToldByTheListOfMounts(t *testing.T) {
	for path, want := range map[string]string{
		"/home/me/consensus.db": "nfs4", "/home": "nfs4", "/homes/x.db": "", "/home/me/local/x.db": "",
		"/mnt/share of all/x.db": "cifs", "/mnt/share": "", "/mnt/c/Users/x.db": "9p", "/mnt/ssh/x.db": "fuse.sshfs",
		"/mnt/gluster/a/b.db": "fuse.glusterfs", "/mnt/dav/x.db": "fuse", "/mnt/ntfs/x.db": "", "/mnt/merged/x.db": "",
		"/mnt/twice/x.db": "", "/mnt/afs/x.db": "afs", "/mnt/ceph/x.db": "ceph", "/mnt/box/x.db": "vboxsf",
		"/work/x.db": "", "/shared/x.db": "", "/x.db": "", "/": "",
	} {
		m := mountOf(strings.NewReader(recordedMounts), path)
		if got := m.kind; m.isNetwork() != (want != "") || want != "" && got != want {
			t.Errorf("%s lies on %+v, network %v, want %q", path, m, m.isNetwork(), want)
		}
	}
}
