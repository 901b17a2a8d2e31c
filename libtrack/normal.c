#include "normal.h"

static const double PIVOT_SMALL = 1e-6;

/* Makes element p part of the solution: one step of Gauss-Jordan. */
static void exchange(double *matrix, int n, int p)
{
    double *row = matrix + p * n;
    const double pivot = row[p];
    row[p] = 1;
    for (int j = 0; j < n; j++)
        row[j] /= pivot;
    for (int i = 0; i < n; i++) {
        if (i == p)
            continue;
        double *other = matrix + i * n;
        const double factor = other[p];
        other[p] = 0;
        for (int j = 0; j < n; j++)
            other[j] -= factor * row[j];
    }
}

bool normal_invert(double *matrix, int n)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            matrix[i * n + j] = matrix[j * n + i];
    double diagonal[8];
    for (int i = 0; i < n; i++)
        diagonal[i] = matrix[i * n + i];
    for (int p = n - 1; p >= 0; p--) {
        if (!(matrix[p * n + p] > PIVOT_SMALL * diagonal[p]))
            return false;
        exchange(matrix, n, p);
    }
    return true;
}
