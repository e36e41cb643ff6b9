# Rscript peers.R FOLDER: fits the model that FOLDER describes, and writes what it found there.
#
# FOLDER/model is "key value" per line: kind (glm or nnet), family, n, p, and for nnet size, seed and
# decay. FOLDER/x and FOLDER/y hold doubles, x column by column. Written: FOLDER/seconds and
# FOLDER/weights, text, one number per line.
folder <- commandArgs(trailingOnly = TRUE)[1]
lines <- read.table(file.path(folder, "model"), row.names = 1, colClasses = "character")
value <- function(key) lines[key, 1]
number <- function(key) as.numeric(value(key))
read <- function(name, count) readBin(file.path(folder, name), "double", count)
n <- number("n")
p <- number("p")
x <- matrix(read("x", n * p), n, p)
y <- read("y", n)

if (value("kind") == "glm") {
  family <- list(binomial = binomial(), poisson = poisson())[[value("family")]]
  took <- system.time(fit <- glm(y ~ x, family = family))[["elapsed"]]
  weights <- coef(fit)
} else {
  set.seed(number("seed"))
  q <- number("size")
  # Per hidden unit an intercept and p slopes, then the output's: intercepts are free of the decay.
  decay <- number("decay") * c(rep(c(0, rep(1, p)), q), 0, rep(1, q))
  took <- system.time(
    fit <- nnet::nnet(
      x, y, size = q, decay = decay, linout = value("family") == "gaussian",
      entropy = value("family") == "binomial", maxit = 5000, abstol = 0, reltol = 1e-10,
      MaxNWts = 1e5, trace = FALSE
    )
  )[["elapsed"]]
  weights <- fit$wts
}
writeLines(format(took, digits = 6), file.path(folder, "seconds"))
writeLines(format(weights, digits = 17), file.path(folder, "weights"))
