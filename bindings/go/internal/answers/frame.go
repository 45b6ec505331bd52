package main

import (
	"errors"
	"fmt"

	libresult "github.com/libresult/libresult/bindings/go"
)

// What is shown of a frame.
const (
	firstRows    = 5
	lastRows     = 5
	shownColumns = 200
)

func frameAnswer(frame *libresult.Frame, err error) object {
	if err != nil {
		return errorAnswer(err)
	}
	defer frame.Close()
	headings, cells := [][2]string{}, [][]any{}
	for row := range frame.RowCount() {
		if isShown(row, frame.RowCount()) {
			cells = append(cells, []any{})
		}
	}
	for column := range frame.Columns() {
		headings = append(headings, [2]string{column.Name, column.Type.String()})
		if column.Index >= shownColumns {
			continue
		}
		for i, cell := range columnAnswer(frame, column) {
			cells[i] = append(cells[i], cell)
		}
	}
	return object{
		"rows":        frame.RowCount(),
		"columns":     headings,
		"cells":       cells,
		"diagnostics": diagnosticAnswers(frame.Diagnostics()),
	}
}

func isShown(row, rows int) bool {
	return row < firstRows || row+lastRows >= rows
}

// columnAnswer is the cells of a column in the rows that are shown.
func columnAnswer(frame *libresult.Frame, column libresult.Column) []any {
	switch column.Type {
	case libresult.ColumnNull:
		valid, err := frame.Validity(column.Name)
		return shown(make([]any, len(valid)), valid, err)
	case libresult.ColumnBool:
		return shown(frame.Bools(column.Name))
	case libresult.ColumnInt64:
		return shown(frame.Int64s(column.Name))
	case libresult.ColumnUint64:
		return shown(frame.Uint64s(column.Name))
	case libresult.ColumnFloat64:
		values, valuesErr := frame.Float64s(column.Name)
		valid, err := frame.Validity(column.Name)
		return shown(values, valid, errors.Join(valuesErr, err))
	case libresult.ColumnString, libresult.ColumnJSON:
		return shown(frame.Strings(column.Name))
	}
	panic(fmt.Sprintf("libresult made a column of %v", column.Type))
}

// shown is those of the values whose rows are shown; a null is nil.
func shown[T any](values []T, valid []bool, err error) []any {
	if err != nil {
		panic(err) // The column was asked for as what it is.
	}
	cells := []any{}
	for row := range values {
		switch {
		case !isShown(row, len(values)):
		case valid[row]:
			cells = append(cells, valueAnswer(values[row]))
		default:
			cells = append(cells, nil)
		}
	}
	return cells
}
