package store
import ("testing";"path/filepath";"sync";"time";"fmt")
func TestScratchOpen(t *testing.T){
  bad:=0
  start:=time.Now()
  n:=0
  for i:=0; time.Since(start)<20*time.Second; i++ {
    p:=filepath.Join(t.TempDir(),fmt.Sprint(i,".db"))
    var wg sync.WaitGroup
    for range 8 { wg.Go(func(){ b:=time.Now(); s,err:=Open(t.Context(),p); if err!=nil {t.Log(time.Since(b),err); bad++} else {s.Close()}; if d:=time.Since(b); d>900*time.Millisecond {t.Log("slow",d)} }) }
    wg.Wait(); n++
  }
  t.Log(n,bad)
}
