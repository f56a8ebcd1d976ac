package store
import ("testing";"path/filepath";"os";"time";"database/sql";"bytes")
func TestScratch(t *testing.T){
  for name, b := range map[string][]byte{"one":[]byte("x"),"text":[]byte("hello, this is text\n"),"long":bytes.Repeat([]byte("hello "),3000),"zeros":make([]byte,100), "zeros4096":make([]byte,4096)} {
    p:=filepath.Join(t.TempDir(),name)
    os.WriteFile(p,b,0o644)
    st:=time.Now()
    s,err:=OpenReadOnly(t.Context(),p)
    t.Log(name,"ro",err,time.Since(st)); if s!=nil{s.Close()}
    got,_:=os.ReadFile(p); t.Log("same",bytes.Equal(got,b))
    s,err=Open(t.Context(),p)
    t.Log(name,"rw",err,time.Since(st)); if s!=nil{s.Close()}
    got,_=os.ReadFile(p); t.Log("same",bytes.Equal(got,b))
    e,_:=os.ReadDir(filepath.Dir(p)); t.Log(e)
  }
    p:=filepath.Join(t.TempDir(),"foreign")
    db,_:=sql.Open("sqlite3",p)
    db.Exec("create table t(a)"); db.Close()
    b,_:=os.ReadFile(p)
    st:=time.Now()
    s,err:=OpenReadOnly(t.Context(),p)
    t.Log("ro",err,time.Since(st)); if s!=nil{s.Close()}
    got,_:=os.ReadFile(p); t.Log("same",bytes.Equal(got,b))
    s,err=OpenReadOnly(t.Context(),t.TempDir())
    t.Log("dir",err); if s!=nil{s.Close()}
    s,err=Open(t.Context(),t.TempDir())
    t.Log("dir",err); if s!=nil{s.Close()}
    s,err=Open(t.Context(),filepath.Join(t.TempDir(),"a","b"))
    t.Log("nodir",err); if s!=nil{s.Close()}
}
