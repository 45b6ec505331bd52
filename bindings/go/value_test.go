package libresult_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

func bigInt(digits string) *big.Int {
	number, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		panic(digits)
	}
	return number
}

// same is whether two values are equal in kind and content; NaN is the same as NaN, 0.0 is not -0.0.
func same(a, b any) bool {
	x, xOK := a.(float64)
	y, yOK := b.(float64)
	if xOK && yOK {
		return math.IsNaN(x) && math.IsNaN(y) || x == y && math.Signbit(x) == math.Signbit(y)
	}
	return reflect.DeepEqual(a, b)
}

func TestValuesOfAllKinds(t *testing.T) {
	long := strings.Repeat("7", 5000)
	for text, want := range map[string]any{
		`null`:                   nil,
		`true`:                   true,
		`false`:                  false,
		`0`:                      int64(0),
		`-3`:                     int64(-3),
		`9007199254740993`:       int64(9007199254740993),
		`9223372036854775807`:    int64(math.MaxInt64),
		`-9223372036854775808`:   int64(math.MinInt64),
		`9223372036854775808`:    uint64(1 << 63),
		`18446744073709551615`:   uint64(math.MaxUint64),
		`18446744073709551616`:   bigInt("18446744073709551616"),
		`-9223372036854775809`:   bigInt("-9223372036854775809"),
		long:                     bigInt(long),
		`3.0`:                    3.0,
		`-0.0`:                   math.Copysign(0, -1),
		`0.1`:                    0.1,
		`5e-324`:                 math.SmallestNonzeroFloat64,
		`1.7976931348623157e308`: math.MaxFloat64,
		`9223372036854775808.0`:  0x1p63,
		`-1e19`:                  -1e19,
		`1e22`:                   1e22,
		`1e999`:                  math.Inf(1),
		`Infinity`:               math.Inf(1),
		`-Infinity`:              math.Inf(-1),
		`NaN`:                    math.NaN(),
		`""`:                     "",
		`"a\u0000b"`:             "a\x00b",
		`"größe 🎉"`:              "größe 🎉",
		`"18446744073709551616"`: "18446744073709551616",
		`[]`:                     []any{},
		`[1, [2.5, "x"], {}]`:    []any{int64(1), []any{2.5, "x"}, map[string]any{}},
		`{}`:                     map[string]any{},
		`{"": 1, "a/b": {"c": [null]}, "\u0000": "n"}`: map[string]any{
			"": int64(1), "a/b": map[string]any{"c": []any{nil}}, "\x00": "n",
		},
	} {
		run := open(t, makeRun(t, fmt.Sprintf(`{"v": %s}`, text)))
		if got := run.Metrics()["v"]; !same(got, want) {
			t.Errorf("%.60s is %T(%[2]v), want %T(%[3]v)", text, got, want)
		}
		if got, ok := run.Metric("v"); !ok || !same(got, want) {
			t.Errorf("Metric of %.60s is %T(%[2]v), %v", text, got, ok)
		}
	}
}

func TestDeepValue(t *testing.T) {
	const depth = 900
	run := open(t, makeRun(t, `{"v": `+strings.Repeat(`[{"a": `, depth/2)+`1`+strings.Repeat(`}]`, depth/2)+`}`))
	value := run.Metrics()["v"]
	for range depth / 2 {
		value = value.([]any)[0].(map[string]any)["a"]
	}
	if value != int64(1) {
		t.Errorf("the innermost value is %v", value)
	}
}

// TestWideValue copies values for so long that the garbage collector meanwhile finds their owners
// unused but for that.
func TestWideValue(t *testing.T) {
	const width = 50_000
	var list, object strings.Builder
	for i := range width {
		fmt.Fprintf(&list, "%d, ", i)
		fmt.Fprintf(&object, `"k%d": [%d], `, i, i)
	}
	dir := makeRun(t, fmt.Sprintf(`{"list": [%s0], "object": {%s"end": []}}`, &list, &object))
	for owner, metrics := range map[string]map[string]any{
		"run":        open(t, dir).Metrics(),
		"checkpoint": open(t, dir).LatestCheckpoint().Metrics(),
	} {
		elements, _ := metrics["list"].([]any)
		members, _ := metrics["object"].(map[string]any)
		if len(elements) != width+1 || len(members) != width+1 {
			t.Fatalf("the %s has %d elements and %d members", owner, len(elements), len(members))
		}
		for i := range width {
			if elements[i] != int64(i) {
				t.Fatalf("element %d of the %s is %v", i, owner, elements[i])
			}
			if got := members[fmt.Sprint("k", i)]; !reflect.DeepEqual(got, []any{int64(i)}) {
				t.Fatalf("member %d of the %s is %v", i, owner, got)
			}
		}
	}
}

func TestValuesAreCopies(t *testing.T) {
	run := open(t, corpus("r260v2-nested"))
	changed := run.Metrics()
	changed["list"].([]any)[0] = "changed"
	_ = append(changed["list"].([]any), "more")
	clear(changed["eval"].(map[string]any))
	want := open(t, corpus("r260v2-nested")).Metrics()
	if got := run.Metrics(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func BenchmarkMetrics(b *testing.B) {
	var object strings.Builder
	for i := range 28_000 {
		fmt.Fprintf(&object, `"metric/%d": {"mean": %d.25, "steps": %d}, `, i, i, i)
	}
	run := open(b, makeRun(b, fmt.Sprintf(`{%s"end": "x"}`, &object)))
	b.Run("Metrics", func(b *testing.B) {
		for b.Loop() {
			run.Metrics()
		}
	})
	b.Run("JSON", func(b *testing.B) {
		for b.Loop() {
			var all map[string]any
			if err := json.Unmarshal([]byte(run.String()), &all); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Metric", func(b *testing.B) {
		for b.Loop() {
			run.Metric("metric/7/mean")
		}
	})
}
