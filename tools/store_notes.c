#include "store_notes.h"

#include "cli.h"

void note_left_out(const ist_reader *reader)
{
    const ist_problem *problem;
    for (int i = 0; (problem = ist_reader_problem(reader, i)); i++)
        if (problem->kind == IST_PROBLEM_CHUNK_MISSING || problem->kind == IST_PROBLEM_NO_INDEX ||
            problem->kind == IST_PROBLEM_BAD_INDEX)
            cli_note("%s: %s", ist_reader_get_info(reader)->path, problem->text);
}
