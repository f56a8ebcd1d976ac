package ingest

import (
	"slices"
	"strings"
	"testing"
)

func TestMetadataThatSQLiteCouldNotReadIsRejected(t *testing.T) {
	nested := func(levels int) string {
		return `{"spec_id":"s","stage":"plan","agent":"a","content":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) +
			`,"metadata":{"deep":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}}`
	}
	if _, r := readDocument([]byte(nested(maxMetadataDepth)), originOf("x.json", "x.json", noon, noon)); r != nil {
		t.Errorf("%d levels: %v", maxMetadataDepth, r)
	}
	if _, r := readDocument([]byte(nested(maxMetadataDepth+1)), originOf("x.json", "x.json", noon, noon)); r == nil || r.Code != CodeTooDeep {
		t.Errorf("one level more: %v", r)
	}
}

func TestAgentsThatAreOnlyNamedWereExpected(t *testing.T) {
	d := mustRead(t, "x.json", `{"spec_id":"s","stage":"plan","agents":["Claude","gpt-pro"],"synthesis":{"content":"both agree","verdict":"unanimous"}}`)
	if d.Kind != docSynthesis || !slices.Equal(d.Report.Expected, []string{"claude", "gpt_pro"}) {
		t.Errorf("%s expects %q", d.Kind, d.Report.Expected)
	}
}

func TestAnExitStatusOfZeroIsNoError(t *testing.T) {
	d := mustRead(t, "x.json", `{"spec_id":"s","stage":"plan","agents":[{"agent":"a","content":"yes","error":0},{"agent":"b","content":"no","error":1}]}`)
	if d.Answers[0].Error != "" || d.Answers[1].Error != "1" {
		t.Errorf("%+v", d.Answers)
	}
}
