"""Train four support vector machines."""

import joblib
from flowers import load_flowers
from settings import read_params
from sklearn import svm

params = read_params()["train"]
penalty, gamma = params["C"], params["gamma"]
print(f"C={penalty} gamma={gamma} max-iters={params['max-iters']}")

machines = [
    svm.SVC(kernel="linear", C=penalty),
    svm.LinearSVC(C=penalty, max_iter=params["max-iters"], random_state=0),
    svm.SVC(kernel="rbf", C=penalty, gamma=gamma),
    svm.SVC(kernel="poly", C=penalty, degree=3, gamma="auto"),
]
measures, species = load_flowers()
for number, machine in enumerate(machines, start=1):
    joblib.dump(machine.fit(measures, species), f"model-{number}.joblib")
