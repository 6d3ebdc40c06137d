// Creates the replica set of compose.mongodb.yaml, unless it exists, and waits for its primary.
const members = ["mongo1:27017", "mongo2:27017", "mongo3:27017"];
const seconds = 120;

try {
  rs.initiate({ _id: "monotron", members: members.map((host, _id) => ({ _id, host })) });
} catch (error) {
  if (error.codeName !== "AlreadyInitialized") {
    throw error;
  }
}
for (let waited = 0; !db.hello().primary; waited++) {
  if (waited === seconds) {
    throw new Error(`No primary was elected within ${seconds} s.`);
  }
  sleep(1000);
}
